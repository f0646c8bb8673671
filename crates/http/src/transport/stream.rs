//! A socket that tells what passes through it, and takes its leave politely.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::life::Life;

/// A socket whose connection is being watched.
pub(super) struct Watched<T> {
    socket: T,
    life: Arc<Life>,
    /// Whether to wait for the client's own goodbye where it may still be sending.
    lingers: bool,
    said_goodbye: bool,
}

impl<T> Watched<T> {
    pub(super) fn new(socket: T, life: Arc<Life>, lingers: bool) -> Self {
        Self {
            socket,
            life,
            lingers,
            said_goodbye: false,
        }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.life.stalled.store(true, Relaxed),
            Poll::Ready(_) => {
                self.life.writes.fetch_add(1, Relaxed);
                self.life.stalled.store(false, Relaxed);
            }
        }
        written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.life.heard.store(true, Relaxed);
        }
        read
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// Says goodbye, then lets a client that is still sending finish.
    ///
    /// A socket closed over unread bytes is reset, and the reset overtakes the answer: a client told
    /// 413 half way through its upload would see a broken connection instead. How long this may
    /// last is for the connection's clock.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.life.closing.store(true, Relaxed);
        if !self.said_goodbye {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
            self.said_goodbye = true;
        }
        let may_be_sending = self.life.heard.load(Relaxed) || self.life.unread.load(Relaxed);
        if !self.lingers || !may_be_sending {
            return Poll::Ready(Ok(()));
        }
        let mut scrap = [0; 4096];
        loop {
            let mut scrap = ReadBuf::new(&mut scrap);
            let read = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut scrap));
            if read.is_err() || scrap.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
