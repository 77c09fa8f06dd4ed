//! The convention of our WGSL kernels, and the one place that launches them.
//!
//! A kernel is a file of `shaders/` with the entry point `main` and workgroups of 64 spread over x and y. Its storage
//! buffers are bound in this order: the inputs, the output, and an info buffer of u32 whose first entry is the number of
//! elements of the output. Numbers that are no integers stand in it by their bits.

use burn::{
    backend::wgpu::{CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate},
    cubecl::{
        CubeCount,
        prelude::KernelId,
        server::{Handle, KernelArguments},
    },
};

/// Invocations of a workgroup; the shaders say the same.
const WORKGROUP: usize = 64;
/// WebGPU's limit on workgroups in one dimension.
const MAX_WORKGROUPS: usize = 65535;

/// A file of `shaders/`.
#[derive(Debug)]
pub struct Shader {
    name: &'static str,
    source: &'static str,
}

impl Shader {
    /// A shader with its text; the name tells it from all others, as pipelines are kept by it.
    #[must_use]
    pub const fn new(name: &'static str, source: &'static str) -> Self {
        Self { name, source }
    }
}

/// [`Shader::new`] of a file of `shaders/`, by its name without extension.
#[macro_export]
macro_rules! shader {
    ($name:literal) => {
        $crate::launch::Shader::new(
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders/", $name, ".wgsl")),
        )
    };
}

impl KernelSource for &'static Shader {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.source)
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(self.name)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// The tensors with a copy of each that shares memory with one before it. All buffers of our kernels are bound as writable,
/// and WebGPU refuses a launch that has the same memory in two such bindings.
pub(crate) fn apart(mut tensors: Vec<CubeTensor>) -> Vec<CubeTensor> {
    let memory = |tensor: &CubeTensor| tensor.handle.memory.clone().binding().id();
    for at in 1..tensors.len() {
        let own = memory(&tensors[at]);
        if tensors[..at].iter().any(|before| memory(before) == own) {
            tensors[at] = tensors[at].copy();
        }
    }
    tensors
}

/// Launches `shader` for every element of `output`; `info` follows the element count in the info buffer.
pub fn launch(shader: &'static Shader, inputs: Vec<Handle>, output: &CubeTensor, info: &[u32]) {
    let (client, count) = (&output.client, output.meta.shape().num_elements());
    let header: Vec<u32> = std::iter::once(count as u32).chain(info.iter().copied()).collect();
    let info = client.create_from_slice(bytemuck::cast_slice(&header));
    let buffers = inputs.into_iter().chain([output.handle.clone(), info]).map(Handle::binding).collect();
    let groups = count.div_ceil(WORKGROUP);
    let columns = groups.clamp(1, MAX_WORKGROUPS);
    client.launch(
        Box::new(SourceKernel::new(shader, CubeDim::new_1d(WORKGROUP as u32))),
        CubeCount::Static(columns as u32, groups.div_ceil(columns) as u32, 1),
        KernelArguments::new().with_buffers(buffers),
    );
}
