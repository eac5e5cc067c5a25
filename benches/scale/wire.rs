//! Stands between the program and the API server and counts what passes: the bytes of the wire, compressed and encrypted.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::lab::Lab;

/// The counting relay, and the kubeconfig that leads through it.
pub struct Wire {
    pub kubeconfig: PathBuf,
    received: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

impl Wire {
    /// Listens before the API server of this lab.
    pub fn before(lab: &Lab) -> Self {
        let text = std::fs::read_to_string(&lab.kubeconfig).unwrap();
        let line = text.lines().find(|line| line.trim_start().starts_with("server:")).unwrap();
        let server = line.split_once("https://").unwrap().1.trim().trim_matches('"').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, text.replace(&server, &listener.local_addr().unwrap().to_string())).unwrap();
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(&server) else { continue };
                // Small segments must not wait for each other's acknowledgement.
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let (up, down) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let count = Arc::clone(&count);
                std::thread::spawn(move || pass(up, far, None));
                std::thread::spawn(move || pass(down, near, Some(&count)));
            }
        });
        Self { kubeconfig, received, _folder: folder }
    }

    /// Bytes that came from the API server so far.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: Option<&AtomicU64>) {
    let mut chunk = vec![0_u8; 64 * 1024];
    while let Ok(read) = from.read(&mut chunk) {
        if read == 0 || to.write_all(&chunk[..read]).is_err() {
            break;
        }
        if let Some(count) = count {
            count.fetch_add(read as u64, Ordering::Relaxed);
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
