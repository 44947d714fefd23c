//! Sample arithmetic: resampling, WAV files, spectra. Knows nothing of calls or models.
