//! Entry point of the page.

fn main() {
    innspect_app::start();
}
