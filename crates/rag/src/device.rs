//! Where embeddings are computed.
use candle_core::Device;
use tracing::warn;
use voce_core::EngineError;
use voce_models::Device as Wanted;

use crate::ENGINE;

/// The device that `wanted` means on this machine and in this build. Only a build with the feature `cuda` knows a GPU.
pub fn choose(wanted: Wanted) -> Result<Device, EngineError> {
    let built_for_cuda = cfg!(feature = "cuda");
    match wanted {
        Wanted::Cpu => Ok(Device::Cpu),
        Wanted::Auto if !built_for_cuda => Ok(Device::Cpu),
        Wanted::Auto => Ok(Device::new_cuda(0).unwrap_or_else(|error| {
            warn!(%error, "embeddings are computed on the CPU, as no GPU can be used");
            Device::Cpu
        })),
        Wanted::Cuda if !built_for_cuda => Err(EngineError::load(
            ENGINE,
            "this build computes embeddings on the CPU only; set knowledge.device to \"auto\" or \"cpu\", or build with \
             --features cuda",
        )),
        Wanted::Cuda => Device::new_cuda(0).map_err(|error| {
            let reason = format!(
                "knowledge.device = \"cuda\" cannot be had: {error}; set it to \"auto\" or \"cpu\", or see `voce doctor`"
            );
            EngineError::load(ENGINE, reason)
        }),
    }
}

/// What models' cards call it: `cpu`, `cuda:0`.
pub fn name(device: &Device) -> &'static str {
    if device.is_cuda() { "cuda:0" } else { "cpu" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(name(&choose(Wanted::Cpu).unwrap()), "cpu");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn without_cuda_built_in_auto_is_the_cpu_and_cuda_says_so() {
        assert_eq!(name(&choose(Wanted::Auto).unwrap()), "cpu");
        let error = choose(Wanted::Cuda).unwrap_err().to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }
}
