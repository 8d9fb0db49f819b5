//! Ed25519 keys in files: PKCS#8 and SubjectPublicKeyInfo in PEM, as `openssl` reads and writes them.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer};

use crate::hash::sha256;

/// Largest file that is read as a key, bytes.
const FILE_MAX: u64 = 4096;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such file.
    #[error("read the key `{}`: there is none; make one with `hil key new {}`", path.display(), path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("{action} the key `{}`: {cause}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// Others than the owner have rights on a private key.
    #[error("read the key `{}`: others may use it (mode {mode:04o}); run `chmod 600 {}`", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else. What it holds is not told.
    #[error("read the key `{}`: no {wanted} for Ed25519 in PEM", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// `private key (PKCS#8)` or `public key`.
        wanted: &'static str,
    },
    /// The system gives no random numbers.
    #[error("make a key: {cause}")]
    Random {
        /// The system's answer.
        cause: String,
    },
}

/// A private key. It is zeroed when dropped, and nothing prints it.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: PublicKey,
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl SigningKey {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| KeyError::Random {
            cause: error.to_string(),
        })?;
        Ok(Self::from_seed(*seed))
    }

    /// Makes the key of 32 secret bytes, the private key of RFC 8032.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = PublicKey(key.verifying_key());
        Self { key, public }
    }

    /// Reads a private key.
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::Exposed`] where group or others have any right on the file,
    /// [`KeyError::Content`], [`KeyError::File`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let file = open(path)?;
        // Of the open file, so that no other can take its place in between.
        let mode = file.metadata().map_err(failed("read", path))?.permissions();
        let mode = mode.mode() & 0o7777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(KeyError::Exposed { path, mode });
        }
        let text = zeroize::Zeroizing::new(text(file, path)?);
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(&text);
        let key = key.map_err(|_| KeyError::Content {
            path: path.to_owned(),
            wanted: "private key (PKCS#8)",
        })?;
        let public = PublicKey(key.verifying_key());
        Ok(Self { key, public })
    }

    /// Writes the key to a new file that only its owner may read, and its public part beside it, at
    /// [`public_path`].
    ///
    /// # Errors
    /// [`KeyError::File`], also where a file of either name is there: no key is overwritten.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let public = public_path(path);
        if public.exists() {
            let cause = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(failed("write", &public)(cause));
        }
        // Without the public part, which older programs do not read.
        let bytes = KeypairBytes {
            secret_key: self.key.to_bytes(),
            public_key: None,
        };
        let pem = bytes
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|error| failed("write", path)(io::Error::other(error)))?;
        create(path, pem.as_bytes(), 0o600)?;
        create(&public, self.public.to_pem().as_bytes(), 0o644)
    }

    /// Returns the public part.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }
}

/// The id of its public part; never the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.id())
    }
}

impl PublicKey {
    /// Reads a public key in PEM.
    ///
    /// # Errors
    /// As [`SigningKey::read`], but anyone may read the file.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = text(open(path)?, path)?;
        Self::from_pem(&text).ok_or_else(|| KeyError::Content {
            path: path.to_owned(),
            wanted: "public key",
        })
    }

    /// Takes a key in PEM; nothing for another thing, and for a key of small order, under which
    /// signatures of anyone would be valid.
    #[must_use]
    pub fn from_pem(text: &str) -> Option<Self> {
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(text.trim_end()).ok()?;
        (!key.is_weak()).then_some(Self(key))
    }

    /// Takes the one line between the two marks of the PEM.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Self> {
        let key = Self::from_pem(&format!(
            "-----BEGIN PUBLIC KEY-----\n{line}\n-----END PUBLIC KEY-----"
        ))?;
        // One way to write a key.
        (key.to_line() == line).then_some(key)
    }

    /// Returns the key in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        // It fails for lengths that DER does not hold.
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// Returns the one line between the two marks of [`PublicKey::to_pem`].
    #[must_use]
    pub fn to_line(&self) -> String {
        self.to_pem().lines().nth(1).unwrap_or_default().to_owned()
    }

    /// Returns its id: the SHA-256 of its 32 bytes, hex.
    #[must_use]
    pub fn id(&self) -> String {
        sha256(self.0.as_bytes())
    }

    /// Reports whether `signature` is of this key over `bytes`. Second signatures made from a good
    /// one without the key are no signatures.
    #[must_use]
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(bytes, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// Returns where the public part of a key lies: the same name with `.pub` behind it.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyError + use<> {
    let path = path.to_owned();
    move |cause| KeyError::File {
        action,
        path,
        cause,
    }
}

fn open(path: &Path) -> Result<File, KeyError> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KeyError::Missing {
            path: path.to_owned(),
        },
        _ => failed("read", path)(error),
    })
}

fn text(file: File, path: &Path) -> Result<String, KeyError> {
    let mut text = String::new();
    file.take(FILE_MAX)
        .read_to_string(&mut text)
        .map_err(failed("read", path))?;
    Ok(text)
}

/// Writes a file that must not be there.
fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(failed("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_through_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.key");
        let key = SigningKey::generate().unwrap();
        key.write(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = SigningKey::read(&path).unwrap();
        assert_eq!(read.sign(b"x"), key.sign(b"x"));
        let public = PublicKey::read(&public_path(&path)).unwrap();
        assert_eq!(&public, key.public());
        assert_eq!(PublicKey::from_line(&public.to_line()), Some(public));
        let error = SigningKey::generate().unwrap().write(&path).unwrap_err();
        assert!(matches!(error, KeyError::File { .. }), "{error}");
        assert_eq!(SigningKey::read(&path).unwrap().sign(b"x"), key.sign(b"x"));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.key");
        SigningKey::generate().unwrap().write(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o644] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let error = SigningKey::read(&path).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        SigningKey::read(&path).unwrap();
    }

    #[test]
    fn a_missing_key_says_how_to_make_one() {
        let error = SigningKey::read(Path::new("/no/such.key")).unwrap_err();
        assert!(error.to_string().contains("hil key new"), "{error}");
    }

    #[test]
    fn nothing_prints_the_secret() {
        let key = SigningKey::from_seed([7; 32]);
        let printed = format!("{key:?}");
        assert_eq!(printed, format!("SigningKey({})", key.public().id()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.key");
        create(&path, b"-----BEGIN SECRET-----\nabcdef", 0o600).unwrap();
        let error = SigningKey::read(&path).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("abcdef"));
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let seed: [u8; 32] = hex::decode(seed).unwrap().try_into().unwrap();
        let key = SigningKey::from_seed(seed);
        assert_eq!(
            hex::encode(key.sign(&[0x72])),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }
}
