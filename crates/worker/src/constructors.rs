//! Running the module's static constructors exactly once.
//!
//! cubecl registers its kernels' building blocks through static constructors. If nothing calls `__wasm_call_ctors` by
//! name, the linker takes the module for a command and wraps every export in a shim that runs all constructors again on
//! every call from JavaScript, which makes a kernel launch 150 times slower. Calling it once here keeps the module a
//! library; a test checks that the built module has no such shims.

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "the linker's function has no safe declaration; it is called once, before anything else")]
unsafe extern "C" {
    /// Made by the linker.
    safe fn __wasm_call_ctors();
}

/// Runs all static constructors. To be called once, before anything else.
pub fn run() {
    #[cfg(target_arch = "wasm32")]
    __wasm_call_ctors();
}
