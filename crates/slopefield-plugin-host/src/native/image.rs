//! The bytes of a library between checking and loading.
//!
//! A file is opened once. What was read is hashed, checked and written into a folder of the
//! application, and that copy is loaded: whoever exchanges the original meanwhile changes nothing.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest library accepted, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// A library as it was read, once.
#[derive(Debug)]
pub(crate) struct Image {
    bytes: Vec<u8>,
    /// BLAKE3 of the bytes in hexadecimal.
    pub(crate) hash: String,
}

impl Image {
    /// Reads a library. A pipe or device, or a file above 1 GiB, is an error.
    pub(crate) fn read(path: &Path) -> io::Result<Image> {
        // Asked before opening, because opening a pipe waits for its writer.
        plain(&fs::metadata(path)?)?;
        let file = fs::File::open(path)?;
        plain(&file.metadata()?)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than 1 GiB"));
        }
        let hash = blake3::hash(&bytes).to_hex().to_string();
        Ok(Image { bytes, hash })
    }

    /// The path of a read-only copy in the folder `cache`, which is made if it is missing. The
    /// copy is named by the hash. One that is there already is read again, and written anew when
    /// its bytes are not those of its name.
    pub(crate) fn place(&self, cache: &Path) -> io::Result<PathBuf> {
        make_private(cache)?;
        let path = cache.join(format!("{}{}", self.hash, std::env::consts::DLL_SUFFIX));
        if fs::symlink_metadata(&path).is_ok_and(|m| m.is_file())
            && Image::read(&path).is_ok_and(|there| there.hash == self.hash)
        {
            return Ok(path);
        }
        // Renaming replaces the name only: a process that has the old file mapped keeps it.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let turn = COUNT.fetch_add(1, Ordering::Relaxed);
        let fresh = cache.join(format!("{}.{}-{turn}.new", self.hash, std::process::id()));
        let written = self.write(&fresh).and_then(|()| fs::rename(&fresh, &path));
        if let Err(e) = written {
            // The first error counts.
            let _ = fs::remove_file(&fresh);
            return Err(e);
        }
        Ok(path)
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = create_private(path)?;
        file.write_all(&self.bytes)?;
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
        file.sync_all()
    }
}

fn plain(about: &fs::Metadata) -> io::Result<()> {
    if about.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"))
    }
}

/// A folder that only this user may enter.
#[cfg(unix)]
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut permissions = fs::metadata(folder)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o700);
        fs::set_permissions(folder, permissions)?;
    }
    Ok(())
}

/// The folder inherits the rights of the user's own data folder.
#[cfg(not(unix))]
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaced_after_hashing_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (original, cache) = (dir.path().join("lib.so"), dir.path().join("made/cache"));
        fs::write(&original, b"checked").unwrap();
        let image = Image::read(&original).unwrap();
        assert_eq!(image.hash, blake3::hash(b"checked").to_hex().as_str());
        fs::write(&original, b"exchanged").unwrap();
        let copy = image.place(&cache).unwrap();
        assert_eq!(fs::read(&copy).unwrap(), b"checked");
        assert!(copy.file_name().unwrap().to_str().unwrap().starts_with(&image.hash));
        assert!(fs::metadata(&copy).unwrap().permissions().readonly());
        // Nor does removing it; the copy is found again and nothing else is left in the folder.
        fs::remove_file(&original).unwrap();
        assert_eq!(image.place(&cache).unwrap(), copy);
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_copy_is_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (original, cache) = (dir.path().join("lib.so"), dir.path().join("cache"));
        fs::write(&original, b"sound").unwrap();
        let image = Image::read(&original).unwrap();
        let copy = image.place(&cache).unwrap();
        fs::remove_file(&copy).unwrap();
        fs::write(&copy, b"damaged").unwrap();
        assert_eq!(image.place(&cache).unwrap(), copy);
        assert_eq!(fs::read(&copy).unwrap(), b"sound");
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_private_and_links_in_it_are_replaced() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (original, cache) = (dir.path().join("lib.so"), dir.path().join("cache"));
        fs::create_dir(&cache).unwrap();
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(&original, b"code").unwrap();
        let image = Image::read(&original).unwrap();
        let name = format!("{}{}", image.hash, std::env::consts::DLL_SUFFIX);
        symlink(&original, cache.join(&name)).unwrap();
        let copy = image.place(&cache).unwrap();
        assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(fs::symlink_metadata(&copy).unwrap().is_file());
        assert!(Image::read(dir.path()).unwrap_err().to_string().contains("not a plain file"));
    }
}
