//! The engine's side of the page: a module worker that owns the device, the networks and the pictures.
//!
//! ```text
//! page --[json, File...]--> port --Request--> desk (queue, cancel) --> session --Reply--> port --> page
//! ```
//!
//! What a person waits for runs as one job at a time, scans of data sets behind it in the background. Long work pauses
//! every few milliseconds, so that a cancellation or a redraw never waits for it. No borrow of the session is held
//! across a pause.

mod constructors;
mod dataset;
mod desk;
mod failure;
mod fetch;
mod gpu_probe;
mod hash;
mod model;
mod monitor;
mod opening;
mod pause;
mod port;
mod render;
mod scan;
mod session;
mod user_file;

fn main() {
    constructors::run();
    console_error_panic_hook::set_once();
    desk::open();
}
