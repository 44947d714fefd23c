//! STUN messages and TURN's channel data over TCP (RFC 8656 2.1 and 12.5): each says how long it is.
use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

const STUN_HEADER: usize = 20;
const CHANNEL_HEADER: usize = 4;
/// What is read from the stream at once.
const CHUNK: usize = 4096;

/// Carries messages in both directions until either side ends.
pub async fn carry(stream: TcpStream, mut to_send: mpsc::Receiver<Bytes>, received: mpsc::Sender<Bytes>) {
    let (mut reader, mut writer) = stream.into_split();
    let send = async {
        while let Some(message) = to_send.recv().await {
            // Channel data is filled up to words; STUN messages are whole words already.
            let filling = message.len().next_multiple_of(4) - message.len();
            writer.write_all(&message).await?;
            writer.write_all(&[0; 3][..filling]).await?;
        }
        // Whoever sends is gone: what was sent last (the release of the allocation) is out.
        writer.shutdown().await
    };
    let receive = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        loop {
            while let Some(message) = next(&mut buffer) {
                // Full: dropped, as the network would.
                if let Err(mpsc::error::TrySendError::Closed(_)) = received.try_send(message) {
                    return Ok::<(), std::io::Error>(());
                }
            }
            if reader.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
    };
    let ended: std::io::Result<()> = tokio::select! {
        ended = send => ended,
        ended = receive => ended,
    };
    if let Err(error) = ended {
        tracing::warn!(%error, "the connection to the TURN server broke");
    }
}

/// Takes the first whole message out of what has come.
fn next(buffer: &mut BytesMut) -> Option<Bytes> {
    let said = usize::from(u16::from_be_bytes([*buffer.get(2)?, *buffer.get(3)?]));
    // Two bits tell both apart (RFC 8656 12.4).
    let length = if buffer[0] < 0x40 { STUN_HEADER + said } else { CHANNEL_HEADER + said };
    let filled = length.next_multiple_of(4);
    if buffer.len() < filled {
        return None;
    }
    let message = buffer.split_to(length).freeze();
    buffer.advance(filled - length);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_where_they_end_however_they_come() {
        let stun = [&[0x01, 0x03, 0, 4][..], &[7; 16], &[1, 2, 3, 4]].concat();
        let data = [0x40, 0x00, 0, 5, 1, 2, 3, 4, 5];
        let all = [&data[..], &[0; 3], &stun, &data, &[0; 3]].concat();
        for at_once in [1, 7, all.len()] {
            let mut buffer = BytesMut::new();
            let mut found = Vec::new();
            for piece in all.chunks(at_once) {
                buffer.extend_from_slice(piece);
                found.extend(std::iter::from_fn(|| next(&mut buffer)));
            }
            assert_eq!(found, [&data[..], &stun, &data], "{at_once} bytes at once");
            assert!(buffer.is_empty());
        }
    }
}
