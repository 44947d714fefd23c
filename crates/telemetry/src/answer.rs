//! What a server answers, as far as it is read: answers to exports are short, and errors are cut anyway.
use reqwest::Response;

/// The most that is read of one answer, bytes.
const LONGEST: usize = 1 << 20;

/// The body. What goes on behind the bound is left out.
pub(crate) async fn bytes(mut answer: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST {
        let Some(chunk) = answer.chunk().await? else { break };
        let room = LONGEST - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(bytes)
}

/// The same as text.
pub(crate) async fn text(answer: Response) -> Result<String, reqwest::Error> {
    bytes(answer).await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn an_answer_without_end_is_read_up_to_the_bound() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1_024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.unwrap();
            // Ends when the reader has had enough.
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
        };
        let ask = async { text(reqwest::get(url).await.unwrap()).await.unwrap() };
        let ((), text) = tokio::join!(serve, ask);
        assert_eq!(text.len(), LONGEST);
    }
}
