//! The engine's side of the page: a module worker that owns the device, the networks and the pictures.
//!
//! ```text
//! page --[json, File...]--> port --Request--> desk (queue, cancel) --> session --Reply--> port --> page
//! ```
//!
//! Long work runs as one job at a time and pauses every few milliseconds, so that a cancellation or a redraw never
//! waits for it. No borrow of the session is held across a pause.

mod constructors;
mod desk;
mod failure;
mod fetch;
mod gpu_probe;
mod model;
mod monitor;
mod opening;
mod pause;
mod port;
mod render;
mod session;
mod user_file;

fn main() {
    constructors::run();
    console_error_panic_hook::set_once();
    desk::open();
}
