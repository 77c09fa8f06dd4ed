//! The two devices behind one type, chosen at run time.

use burn::{backend::DispatchDevice, tensor::Device as BurnDevice};

use crate::{EngineError, Tensor, kernel};

/// A device: the CPU (burn's flex backend) or a GPU (wgpu: WebGPU in the browser, Vulkan, Metal or DX12 natively).
#[derive(Clone, Debug)]
pub struct Device {
    burn: BurnDevice,
    gpu: bool,
    name: String,
}

impl Device {
    /// The CPU.
    #[must_use]
    pub fn cpu() -> Self {
        Self { burn: BurnDevice::flex(), gpu: false, name: "CPU".into() }
    }

    /// The GPU, once it has computed a known small product correctly.
    ///
    /// May be called again: the device is made once a process and shared after that.
    ///
    /// # Errors
    /// [`EngineError::NoGpu`] if the platform offers none, [`EngineError::Device`] if it computes wrong numbers.
    pub async fn gpu() -> Result<Self, EngineError> {
        thread_local! {
            static SHARED: std::cell::RefCell<Option<Device>> = const { std::cell::RefCell::new(None) };
        }
        if let Some(device) = SHARED.with_borrow(Clone::clone) {
            return Ok(device);
        }
        let device = create_gpu().await?;
        canary(&device).await?;
        SHARED.with_borrow_mut(|shared| *shared = Some(device.clone()));
        Ok(device)
    }

    /// Whether this is a GPU.
    #[must_use]
    pub fn is_gpu(&self) -> bool {
        self.gpu
    }

    /// `CPU`, or the GPU's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives memory of dropped tensors back.
    pub fn free_unused(&self) {
        self.burn.memory_cleanup();
    }

    pub(crate) fn dispatch(&self) -> &DispatchDevice {
        self.burn.as_dispatch()
    }
}

#[cfg(target_arch = "wasm32")]
async fn create_gpu() -> Result<Device, EngineError> {
    let (burn, setup) = BurnDevice::wgpu_options()
        .init_with_setup_async()
        .await
        .map_err(|error| EngineError::NoGpu { reason: error.to_string() })?;
    Ok(Device { burn, gpu: true, name: adapter_name(&setup.adapter.get_info()) })
}

/// Natively several threads may ask at once (tests do), and burn allows one initialisation a process.
#[cfg(not(target_arch = "wasm32"))]
async fn create_gpu() -> Result<Device, EngineError> {
    static DEVICE: std::sync::OnceLock<Result<Device, EngineError>> = std::sync::OnceLock::new();
    DEVICE
        .get_or_init(|| {
            let (burn, setup) = BurnDevice::wgpu_options()
                .init_with_setup()
                .map_err(|error| EngineError::NoGpu { reason: error.to_string() })?;
            Ok(Device { burn, gpu: true, name: adapter_name(&setup.adapter.get_info()) })
        })
        .clone()
}

fn adapter_name(info: &burn::tensor::wgpu::wgpu::AdapterInfo) -> String {
    if info.name.is_empty() { format!("{:?} GPU", info.backend) } else { info.name.clone() }
}

/// A launch that failed on a GPU may read back as zeros, so a device is trusted only after it computed something known.
async fn canary(device: &Device) -> Result<(), EngineError> {
    let numerator = Tensor::from_slice(&[6.0, -8.0, 3.0, 0.0], &[1, 4], device);
    let denominator = Tensor::from_slice(&[2.0, 4.0, -1.5, 0.0], &[1, 4], device);
    let quotient = kernel::stabilized_divide(&numerator, &denominator, 0.0, 1.0).read().await?;
    let matrix = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0], &[2, 2], device);
    let product = matrix.matmul(&matrix).read().await?;
    if quotient == [3.0, -2.0, -2.0, 0.0] && product == [7.0, 10.0, 15.0, 22.0] {
        return Ok(());
    }
    Err(EngineError::Device { reason: format!("{} computes wrong numbers ({quotient:?}, {product:?})", device.name) })
}
