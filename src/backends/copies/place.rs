//! Whether a place is a second place at all: another disk of this host is none, a stick or a file server is.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Whether a place counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Near {
    /// It is somewhere else.
    Elsewhere,
    /// It is not, and why.
    Here(String),
    /// It cannot be told now, and why: it does not count until it can.
    Unknown(String),
}

/// What lies under a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// `st_dev`.
    pub device: u64,
    /// `ext4`, `nfs4`, `vfat`; empty where the system does not say.
    pub fs: String,
    /// What is mounted: `/dev/sdb1`, `fileserver:/export`.
    pub source: String,
    /// The whole disks under it: `sdb`; empty where there is none or the system does not say.
    pub disks: Vec<String>,
    /// It can be taken out: a stick, a disk on USB, a card.
    pub removable: bool,
}

/// Tells what lies under a path. A test has its own.
pub trait Ground: Send + Sync {
    /// Under this path, or under the nearest folder above it that exists.
    fn under(&self, path: &Path) -> io::Result<Mounted>;
}

/// File systems whose files lie on another machine.
const REMOTE: [&str; 17] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "fuse.glusterfs",
    "fuse.sshfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.davfs",
    "davfs",
    "ncpfs",
    "lustre",
];
/// File systems in memory: gone with the power.
const MEMORY: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];

/// Whether a file there is a second place beside a keystore here.
pub fn of_file(keystore: &Mounted, copy: &Mounted) -> Near {
    let here = |why: &str| Near::Here(why.to_owned());
    let same_source = !copy.source.is_empty() && copy.fs == keystore.fs && copy.source == keystore.source;
    if MEMORY.contains(&copy.fs.as_str()) {
        return here("in the memory of this host: gone when it is switched off");
    }
    if copy.device == keystore.device || (same_source && copy.source.starts_with('/')) {
        return here("same file system as the keystore");
    }
    if copy.disks.iter().any(|disk| keystore.disks.contains(disk)) {
        return here("same disk as the keystore");
    }
    match (server(keystore), server(copy)) {
        (_, Some(server)) if is_local(&server) => here("same host: the file server is this machine"),
        (Some(one), Some(other)) if one == other => here("same file server as the keystore"),
        // The keystore itself lies on a server: a disk of this machine is then somewhere else.
        (_, Some(_)) | (Some(_), None) => Near::Elsewhere,
        (None, None) if copy.removable => Near::Elsewhere,
        (None, None) if copy.fs.is_empty() => {
            here("another file system of this host, and the system does not say whether it can be taken out")
        }
        (None, None) => here("same host: another disk or file system of it"),
    }
}

/// The machine that a remote file system is on.
fn server(mounted: &Mounted) -> Option<String> {
    if !REMOTE.contains(&mounted.fs.as_str()) {
        return None;
    }
    let source = mounted.source.trim_start_matches('/');
    let source = source.rsplit_once('@').map_or(source, |(_, rest)| rest);
    let end = if source.starts_with('[') {
        source.find(']').map_or(source.len(), |at| at + 1)
    } else {
        source.find([':', '/']).unwrap_or(source.len())
    };
    Some(source.get(..end).unwrap_or_default().to_ascii_lowercase())
}

fn is_local(server: &str) -> bool {
    server == "localhost" || server.starts_with("127.") || server == "[::1]"
}

/// The machine that this program runs on.
pub struct ThisHost;

impl Ground for ThisHost {
    fn under(&self, path: &Path) -> io::Result<Mounted> {
        let (real, meta) = existing(path)?;
        let device = meta.dev();
        let Ok(table) = fs::read_to_string("/proc/self/mountinfo") else {
            return Ok(Mounted {
                device,
                fs: String::new(),
                source: String::new(),
                disks: Vec::new(),
                removable: false,
            });
        };
        let (fs, source) = mount_of(&table, &real).unwrap_or_default();
        // A file system of several devices has a number of its own: what it was mounted from has the disk's.
        let number =
            fs::metadata(&source).ok().filter(|meta| meta.file_type().is_block_device()).map(|meta| meta.rdev());
        let mut disks = Vec::new();
        let removable = block(number.unwrap_or(device), &mut disks, 0);
        Ok(Mounted { device, fs, source, disks, removable })
    }
}

/// The path with links resolved, or the nearest folder above it that exists.
fn existing(path: &Path) -> io::Result<(PathBuf, fs::Metadata)> {
    let mut at = path;
    loop {
        match fs::canonicalize(at) {
            Ok(real) => {
                let meta = fs::metadata(&real)?;
                return Ok((real, meta));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match at.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => at = parent,
                Some(_) | None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
}

/// File system and source of the mount that holds the path: the longest mount point wins, the last of equals.
fn mount_of(table: &str, path: &Path) -> Option<(String, String)> {
    let mut best: Option<(usize, String, String)> = None;
    for line in table.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let Some(point) = left.split(' ').nth(4).map(unescape) else { continue };
        let mut right = right.split(' ');
        let (Some(fs), Some(source)) = (right.next(), right.next()) else { continue };
        let longer = best.as_ref().is_none_or(|(len, ..)| point.len() >= *len);
        if path.starts_with(&point) && longer {
            best = Some((point.len(), fs.to_owned(), unescape(source)));
        }
    }
    best.map(|(_, fs, source)| (fs, source))
}

/// `\040` is a space in mountinfo.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let octal = bytes.get(at + 1..at + 4).filter(|_| *byte == b'\\').and_then(|digits| {
            let text = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(text, 8).ok()
        });
        out.push(octal.unwrap_or(*byte));
        at += if octal.is_some() { 4 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether the block device can be taken out; collects the whole disks under it. What is encrypted or put together out
/// of others is as removable as all of them.
fn block(number: u64, disks: &mut Vec<String>, depth: u8) -> bool {
    let link = PathBuf::from(format!("/sys/dev/block/{}:{}", rustix::fs::major(number), rustix::fs::minor(number)));
    let Ok(device) = fs::canonicalize(link) else { return false };
    let under: Vec<PathBuf> = fs::read_dir(device.join("slaves"))
        .map(|entries| entries.flatten().filter_map(|entry| fs::canonicalize(entry.path()).ok()).collect())
        .unwrap_or_default();
    if !under.is_empty() && depth < 8 {
        let all: Vec<bool> = under
            .iter()
            .filter_map(|device| fs::read_to_string(device.join("dev")).ok())
            .filter_map(|text| {
                let (major, minor) = text.trim().split_once(':')?;
                Some(rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?))
            })
            .map(|number| block(number, disks, depth + 1))
            .collect();
        return !all.is_empty() && all.iter().all(|removable| *removable);
    }
    // A partition lies in the folder of its disk.
    let disk = if device.join("partition").exists() { device.parent().unwrap_or(&device) } else { &device };
    disks.extend(disk.file_name().map(|name| name.to_string_lossy().into_owned()));
    let says = fs::read_to_string(disk.join("removable")).is_ok_and(|text| text.trim() == "1");
    // Disks in USB cases say that they are not removable, and are.
    says || disk.components().any(|part| part.as_os_str().to_string_lossy().starts_with("usb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(device: u64, fs: &str, source: &str, disk: &str, removable: bool) -> Mounted {
        let disks = if disk.is_empty() { Vec::new() } else { vec![disk.to_owned()] };
        Mounted { device, fs: fs.to_owned(), source: source.to_owned(), disks, removable }
    }

    fn says(keystore: &Mounted, copy: &Mounted) -> &'static str {
        match of_file(keystore, copy) {
            Near::Elsewhere => "elsewhere",
            Near::Here(why) if why.contains("same file system") => "same file system",
            Near::Here(why) if why.contains("same disk") => "same disk",
            Near::Here(why) if why.contains("file server as") => "same server",
            Near::Here(why) if why.contains("memory") => "memory",
            Near::Here(why) if why.contains("same host") => "same host",
            Near::Here(_) => "not said",
            Near::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn only_what_can_be_carried_away_or_lies_on_another_machine_counts() {
        let home = mounted(1, "ext4", "/dev/sda1", "sda", false);
        let nfs_home = mounted(9, "nfs4", "homes:/export/me", "", false);
        for (keystore, copy, expected) in [
            (&home, mounted(1, "ext4", "/dev/sda1", "sda", false), "same file system"),
            // A second mount of the same device; a subvolume with a number of its own.
            (&home, mounted(7, "ext4", "/dev/sda1", "sda", false), "same file system"),
            (&home, mounted(2, "ext4", "/dev/sda2", "sda", false), "same disk"),
            (&home, mounted(3, "ext4", "/dev/sdb1", "sdb", false), "same host"),
            (&home, mounted(4, "vfat", "/dev/sdc1", "sdc", true), "elsewhere"),
            (&home, mounted(5, "tmpfs", "tmpfs", "", false), "memory"),
            (&home, mounted(6, "nfs4", "files.example:/export", "", false), "elsewhere"),
            (&home, mounted(6, "cifs", "//nas/backup", "", false), "elsewhere"),
            (&home, mounted(6, "fuse.sshfs", "me@nas:/backup", "", false), "elsewhere"),
            (&home, mounted(6, "nfs4", "localhost:/export", "", false), "same host"),
            (&home, mounted(6, "", "", "", false), "not said"),
            (&nfs_home, mounted(8, "nfs4", "HOMES:/export/other", "", false), "same server"),
            (&nfs_home, mounted(8, "nfs4", "nas:/backup", "", false), "elsewhere"),
            (&nfs_home, mounted(1, "ext4", "/dev/sda1", "sda", false), "elsewhere"),
        ] {
            assert_eq!(says(keystore, &copy), expected, "{copy:?}");
        }
        // The keystore lies on the stick itself: its second partition is no second place.
        let stick = mounted(4, "vfat", "/dev/sdc1", "sdc", true);
        assert_eq!(says(&stick, &mounted(5, "vfat", "/dev/sdc2", "sdc", true)), "same disk");
    }

    #[test]
    fn the_longest_mount_point_wins_and_spaces_in_it_are_read() {
        let table = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                     40 22 8:17 / /media/my\\040stick rw,nosuid shared:2 - vfat /dev/sdb1 rw\n\
                     41 22 0:50 / /media/my\\040stick/deep rw - nfs4 nas:/x rw\n";
        let of = |path: &str| mount_of(table, Path::new(path)).unwrap().1;
        assert_eq!(of("/home/me"), "/dev/sda1");
        assert_eq!(of("/media/my stick/prod.keystore"), "/dev/sdb1");
        assert_eq!(of("/media/my stick/deep/x"), "nas:/x");
        assert_eq!(of("/media/my sticker"), "/dev/sda1");
    }

    #[test]
    fn this_host_knows_its_own_temporary_folder() {
        let folder = tempfile::tempdir().unwrap();
        let here = ThisHost.under(folder.path()).unwrap();
        assert_eq!(here, ThisHost.under(&folder.path().join("not/there/yet")).unwrap());
        assert!(matches!(of_file(&here, &here), Near::Here(_)));
    }
}
