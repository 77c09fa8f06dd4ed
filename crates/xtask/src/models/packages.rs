//! Packages fetched by name, kept in the cache, and the files in them.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::{command, places::Places};

/// Where packages are kept between runs.
pub struct Packages<'a> {
    places: &'a Places,
    folder: PathBuf,
}

impl<'a> Packages<'a> {
    /// Uses (and makes) a folder in the cache.
    pub fn new(places: &'a Places) -> Result<Self> {
        let folder = places.cache.join("packages");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { places, folder })
    }

    /// A file of a Python package, which may be a wheel or a source archive. `sum` is the SHA-256 of that file, which
    /// guards against another content under the same name.
    pub fn python(&self, package: &str, version: &str, file: &str, sum: &str) -> Result<Vec<u8>> {
        let archive = self.python_archive(package, version)?;
        let bytes = read_archive(&archive, file)
            .with_context(|| format!("cannot read {file} of {package} {version} in {}", archive.display()))?;
        check(&bytes, sum).with_context(|| format!("{file} of {package} {version}"))?;
        Ok(bytes)
    }

    fn python_archive(&self, package: &str, version: &str) -> Result<PathBuf> {
        // Wheels spell every separator in a name as `_`.
        let prefix = format!("{}-{version}", package.replace('-', "_"));
        if let Some(found) = find(&self.folder, &prefix)? {
            return Ok(found);
        }
        println!("  fetching {package} {version} from PyPI");
        let mut pip = command::command(self.places, "python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"])
            .arg(&self.folder);
        if package == "scikit-image" {
            // Only its pictures are wanted, which are the same in the wheel of every platform.
            pip.args(["--only-binary", ":all:", "--python-version", "3.12", "--platform", "manylinux_2_28_x86_64"]);
        }
        pip.arg(format!("{package}=={version}"));
        command::run(&mut pip).context("Python 3 with pip is needed to fetch packages")?;
        find(&self.folder, &prefix)?.with_context(|| format!("pip did not leave a file {prefix}…"))
    }

    /// The unpacked content of a Debian package; any version, since its files are checked one by one.
    pub fn debian(&self, package: &str) -> Result<PathBuf> {
        let folder = self.folder.join(package);
        if folder.is_dir() {
            return Ok(folder);
        }
        let prefix = format!("{package}_");
        let archive = match find(&self.folder, &prefix)? {
            Some(found) => found,
            None => {
                println!("  fetching {package} from Debian");
                let mut apt = Command::new("apt-get");
                apt.args(["--quiet=2", "download", package]).current_dir(&self.folder);
                command::run(&mut apt).context("the photos come from a Debian package: this step needs apt-get")?;
                find(&self.folder, &prefix)?.with_context(|| format!("apt-get did not leave a file {prefix}…"))?
            }
        };
        // Unpacked beside and renamed, so that an interrupted run is not taken for a complete one.
        let partial = self.folder.join(format!("{package}.partial"));
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("--extract").arg(&archive).arg(&partial);
        command::run(&mut unpack)?;
        fs::rename(&partial, &folder)?;
        Ok(folder)
    }
}

/// SHA-256, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares a file with the sum it must have.
pub fn check(bytes: &[u8], sum: &str) -> Result<()> {
    let found = sha256(bytes);
    ensure!(found == sum, "has the SHA-256 {found}, not {sum}: it is another file than the one that was examined");
    Ok(())
}

/// The archive in a folder whose name starts with `prefix`.
fn find(folder: &Path, prefix: &str) -> Result<Option<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let rest = name.strip_prefix(prefix).unwrap_or_default();
        if [".whl", ".tar.gz", ".deb"].iter().any(|ending| rest.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found.pop())
}

/// Reads a file out of a wheel (zip) or source archive (tar.gz, whose outermost folder is left out of names).
fn read_archive(archive: &Path, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if archive.extension().is_some_and(|extension| extension == "gz") {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(File::open(archive)?));
        for entry in tar.entries()? {
            let mut entry = entry?;
            let path = entry.path()?;
            if path.components().skip(1).collect::<PathBuf>() == Path::new(name) {
                entry.read_to_end(&mut bytes)?;
                return Ok(bytes);
            }
        }
        bail!("it is not in the archive");
    }
    let mut zip = zip::ZipArchive::new(File::open(archive)?)?;
    zip.by_name(name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_is_refused() {
        // echo -n abc | sha256sum
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check(b"abc", sum).unwrap();
        assert!(check(b"abd", sum).unwrap_err().to_string().contains("another file"));
    }
}
