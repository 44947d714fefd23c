//! WAV files, read into one channel of `f32` and written as 16-bit PCM.
use std::{
    io,
    path::{Path, PathBuf},
};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// Rates a file may have, samples per second: below lies no speech, above no sound card.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// Why a WAV file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// The file cannot be opened, read or written.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no WAV file of a known form.
    #[error("{path} is not a WAV file of 8, 16, 24 or 32-bit integers or 32-bit floats: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads the WAV file at `path`: its samples in -1 to 1, and their rate in Hz.
///
/// Takes 8, 16, 24 and 32-bit integers and 32-bit floats, 1 to 768 kHz, and any number of channels, which are
/// averaged. A file whose end is cut off, as a pipe or a crash leaves it, gives the whole frames that are there.
pub fn read_wav(path: impl AsRef<Path>) -> Result<(Vec<f32>, u32), WavError> {
    let path = path.as_ref();
    samples(WavReader::open(path).map_err(|error| named(error, "read", path))?, path)
}

/// The same for a file in memory; `name` says in an error which.
pub fn parse_wav(file: &[u8], name: &str) -> Result<(Vec<f32>, u32), WavError> {
    let name = Path::new(name);
    samples(WavReader::new(io::Cursor::new(file)).map_err(|error| named(error, "read", name))?, name)
}

fn samples(reader: WavReader<impl io::Read>, path: &Path) -> Result<(Vec<f32>, u32), WavError> {
    let spec = reader.spec();
    if !RATES_HZ.contains(&spec.sample_rate) {
        let reason = format!("its rate is {} Hz, expected 1000 to 768000", spec.sample_rate);
        return Err(WavError::Format { path: path.into(), reason });
    }
    if spec.bits_per_sample > 32 {
        let reason = format!("its samples have {} bits", spec.bits_per_sample);
        return Err(WavError::Format { path: path.into(), reason });
    }
    let interleaved = match spec.sample_format {
        SampleFormat::Float => until_end(reader.into_samples::<f32>()),
        SampleFormat::Int => {
            let scale = 1.0 / (1_u64 << (spec.bits_per_sample - 1)) as f32;
            until_end(reader.into_samples::<i32>().map(|sample| Ok(sample? as f32 * scale)))
        }
    }
    .map_err(|error| named(error, "read", path))?;
    if let Some(place) = interleaved.iter().position(|sample| !sample.is_finite()) {
        let reason = format!("sample {place} is {}, expected a number", interleaved[place]);
        return Err(WavError::Format { path: path.into(), reason });
    }
    Ok((mixed_down(interleaved, usize::from(spec.channels)), spec.sample_rate))
}

/// Writes `samples` (mono, cut off at -1 and 1) at `rate_hz` to `path` as 16-bit PCM.
pub fn write_wav(path: impl AsRef<Path>, samples: &[f32], rate_hz: u32) -> Result<(), WavError> {
    let path = path.as_ref();
    let write = || {
        let mut writer = WavWriter::create(path, pcm_16(rate_hz))?;
        for sample in samples {
            writer.write_sample((sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16)?;
        }
        writer.finalize()
    };
    write().map_err(|error| named(error, "write", path))
}

/// `samples` (mono, 16 bit) at `rate_hz` as a whole WAV file in memory.
pub fn wav_bytes(samples: &[i16], rate_hz: u32) -> Vec<u8> {
    let mut file = io::Cursor::new(Vec::with_capacity(44 + 2 * samples.len()));
    let write = |file| {
        let mut writer = WavWriter::new(file, pcm_16(rate_hz))?;
        for sample in samples {
            writer.write_sample(*sample)?;
        }
        writer.finalize()
    };
    write(&mut file).expect("memory takes every byte, and 16 bits fit");
    file.into_inner()
}

fn pcm_16(rate_hz: u32) -> WavSpec {
    WavSpec { channels: 1, sample_rate: rate_hz, bits_per_sample: 16, sample_format: SampleFormat::Int }
}

/// All samples up to the end that the header states or, if that comes first, the end of the file.
fn until_end(samples: impl Iterator<Item = hound::Result<f32>>) -> hound::Result<Vec<f32>> {
    let mut whole = Vec::new();
    for sample in samples {
        match sample {
            Ok(sample) => whole.push(sample),
            Err(error) if is_end(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(whole)
}

/// hound reports the end of the file as an error of kind `Other`, with this text.
fn is_end(error: &hound::Error) -> bool {
    matches!(error, hound::Error::IoError(error)
        if error.kind() == io::ErrorKind::UnexpectedEof || error.to_string().contains("Failed to read enough bytes"))
}

fn mixed_down(interleaved: Vec<f32>, channels: usize) -> Vec<f32> {
    if channels == 1 {
        return interleaved;
    }
    let share = 1.0 / channels as f32;
    interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * share).collect()
}

fn named(error: hound::Error, what: &'static str, path: &Path) -> WavError {
    let path = path.to_path_buf();
    match error {
        error if is_end(&error) => WavError::Format { path, reason: "it ends within its header".into() },
        hound::Error::IoError(source) => WavError::File { what, path, source },
        hound::Error::Unsupported => WavError::Format { path, reason: "its encoding is another one".into() },
        other => WavError::Format { path, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("voce-wav-{}-{name}.wav", std::process::id()))
    }

    #[test]
    fn a_file_in_memory_is_read_as_one_on_disk() {
        let bytes = wav_bytes(&[0, 16_384, -16_384], 16_000);
        assert_eq!(parse_wav(&bytes, "recording").unwrap(), (vec![0.0, 0.5, -0.5], 16_000));
        let error = parse_wav(b"no sound", "recording").unwrap_err().to_string();
        assert!(error.contains("recording is not a WAV file"), "{error}");
    }

    #[test]
    fn samples_wider_than_any_are_refused() {
        let mut bytes = wav_bytes(&[0, 1], 16_000);
        // 9 bytes a sample, 72 bits each, and the rate of bytes that goes with it.
        bytes[28..36].copy_from_slice(&[0x80, 0x32, 0x02, 0, 9, 0, 72, 0]);
        let error = parse_wav(&bytes, "wide").unwrap_err().to_string();
        assert!(error.contains("wide is not a WAV file"), "{error}");
    }

    fn ramp(channels: u16) -> Vec<f32> {
        let frames = (0..400).map(|index| (index as f32 / 400.0) - 0.5);
        frames.flat_map(|sample| std::iter::repeat_n(sample, usize::from(channels))).collect()
    }

    fn written(name: &str, spec: WavSpec) -> PathBuf {
        let path = file(name);
        let mut writer = WavWriter::create(&path, spec).unwrap();
        for sample in ramp(spec.channels) {
            match spec.sample_format {
                SampleFormat::Float => writer.write_sample(sample).unwrap(),
                SampleFormat::Int => {
                    let full = f64::from(1_u32 << (spec.bits_per_sample - 1));
                    writer.write_sample((f64::from(sample) * full) as i32).unwrap();
                }
            }
        }
        writer.finalize().unwrap();
        path
    }

    #[test]
    fn a_file_in_memory_is_the_file_on_disk() {
        let samples: Vec<i16> = vec![-32_768, -1, 0, 1, 32_767];
        let path = file("memory");
        std::fs::write(&path, wav_bytes(&samples, 24_000)).unwrap();
        let (read, rate_hz) = read_wav(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let read: Vec<i16> = read.iter().map(|sample| (sample * 32_768.0) as i16).collect();
        assert_eq!((read, rate_hz), (samples, 24_000));
    }

    #[test]
    fn every_width_and_number_of_channels_reads_as_the_same_sound() {
        let widths = [(8, SampleFormat::Int), (16, SampleFormat::Int), (24, SampleFormat::Int)];
        let wide = [(32, SampleFormat::Int), (32, SampleFormat::Float)];
        for (bits_per_sample, sample_format) in widths.into_iter().chain(wide) {
            for channels in [1, 2, 5] {
                let spec = WavSpec { channels, sample_rate: 44_100, bits_per_sample, sample_format };
                let path = written(&format!("{bits_per_sample}-{sample_format:?}-{channels}"), spec);
                let (samples, rate_hz) = read_wav(&path).unwrap();
                std::fs::remove_file(path).unwrap();
                assert_eq!((samples.len(), rate_hz), (400, 44_100));
                let worst = samples.iter().zip(ramp(1)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 0.01, "{bits_per_sample} bits, {channels} channels: off by {worst}");
            }
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let path = file("back");
        write_wav(&path, &[0.0, 0.5, -0.5, 2.0, -2.0], 24_000).unwrap();
        let (samples, rate_hz) = read_wav(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(rate_hz, 24_000);
        assert_eq!(samples, [0.0, 0.5, -0.5, 32_767.0 / 32_768.0, -1.0]);
    }

    #[test]
    fn a_file_cut_short_gives_what_is_there() {
        let spec = WavSpec {
            channels: 2,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let path = written("short", spec);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 401]).unwrap();
        let (samples, _) = read_wav(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(samples.len(), 400 - 101);
    }

    #[test]
    fn garbage_is_refused_with_the_name_of_the_file() {
        let path = file("garbage");
        let mut header = std::fs::read(written(
            "whole",
            WavSpec { channels: 1, sample_rate: 1, bits_per_sample: 16, sample_format: SampleFormat::Int },
        ))
        .unwrap();
        std::fs::remove_file(file("whole")).unwrap();
        let slow = header.clone();
        header[20] = 0x55;
        let not_a_number = {
            let spec = WavSpec {
                channels: 1,
                sample_rate: 16_000,
                bits_per_sample: 32,
                sample_format: SampleFormat::Float,
            };
            let path = file("nan");
            let mut writer = WavWriter::create(&path, spec).unwrap();
            writer.write_sample(f32::NAN).unwrap();
            writer.finalize().unwrap();
            let bytes = std::fs::read(&path).unwrap();
            std::fs::remove_file(path).unwrap();
            bytes
        };
        for bytes in [&b""[..], b"RIFF", &[7; 300], &header[..30], &header, &slow, &not_a_number] {
            std::fs::write(&path, bytes).unwrap();
            let error = read_wav(&path).unwrap_err().to_string();
            assert!(error.contains("voce-wav-"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        let missing = read_wav(&path).unwrap_err().to_string();
        assert!(missing.starts_with("cannot read"), "{missing}");
    }
}
