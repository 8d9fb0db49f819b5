//! The bill of materials of a firmware: CycloneDX 1.6, from what cargo links into it.
//!
//! The same source gives the same bytes: no serial number and no time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use mambalite_hil_toolchain::Toolchain;
use serde::Deserialize;
use serde_json::{Value, json};

use super::CertifyError;

/// What `cargo metadata` says, as far as it counts here.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// What the firmware's `Cargo.lock` says.
#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The firmware that the bill is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Folder of its package.
    pub(super) folder: &'a Path,
    /// Name of its package.
    pub(super) package: &'a str,
    /// Target triple.
    pub(super) target: &'a str,
    /// SHA-256 of its ELF file, hex.
    pub(super) elf_sha256: &'a str,
    /// Text of its `Cargo.lock`.
    pub(super) lock: &'a str,
    /// Release of the compiler, as `1.96.0`.
    pub(super) rust: &'a str,
}

/// Asks cargo for the packages of a firmware and makes the bill.
///
/// # Errors
/// [`CertifyError::Sbom`] when cargo fails, as where a package was never downloaded, or says
/// something else than expected.
pub(super) fn make(toolchain: &Toolchain, subject: Subject<'_>) -> Result<Value, CertifyError> {
    let output = toolchain
        .cargo_metadata(subject.target)
        .current_dir(subject.folder)
        .stdin(Stdio::null())
        .output()
        .map_err(fail)?;
    if !output.status.success() {
        return Err(fail(String::from_utf8_lossy(&output.stderr).trim()));
    }
    of(&output.stdout, subject)
}

fn fail(cause: impl core::fmt::Display) -> CertifyError {
    CertifyError::Sbom {
        cause: cause.to_string(),
    }
}

/// Makes the bill from the words of cargo.
fn of(metadata: &[u8], subject: Subject<'_>) -> Result<Value, CertifyError> {
    let metadata: Metadata = serde_json::from_slice(metadata).map_err(fail)?;
    let lock: Lock = toml::from_str(subject.lock).map_err(fail)?;
    let root = metadata
        .packages
        .iter()
        .find(|it| it.name == subject.package)
        .ok_or_else(|| fail(format!("cargo knows no package {}", subject.package)))?;
    let packages: BTreeMap<_, _> = metadata.packages.iter().map(|it| (&*it.id, it)).collect();
    let graph = Graph::new(&metadata.resolve, &packages);
    let linked = graph.reach(&root.id, true);
    let all = graph.reach(&root.id, false);
    let sums: BTreeMap<_, _> = lock
        .package
        .iter()
        .filter_map(|it| Some(((&*it.name, &*it.version), it.checksum.as_deref()?)))
        .collect();
    let others = all.iter().filter(|id| **id != root.id);
    let mut components: Vec<_> = others
        .filter_map(|id| packages.get(id))
        .map(|it| component(it, linked.contains(&*it.id), &sums))
        .collect();
    components.push(rust(subject.rust));
    components.sort_by_key(reference);
    let mut dependencies: Vec<_> = all
        .iter()
        .filter_map(|id| graph.dependency(id, &packages))
        .collect();
    dependencies.sort_by_key(|it| it.get("ref").map(Value::to_string));
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "firmware",
                "bom-ref": purl(root),
                "name": root.name,
                "version": root.version,
                "hashes": [{ "alg": "SHA-256", "content": subject.elf_sha256 }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// Which package needs which.
struct Graph<'a> {
    /// Packages that a package needs, and whether they are linked with it.
    edges: BTreeMap<&'a str, Vec<(&'a str, bool)>>,
}

impl<'a> Graph<'a> {
    fn new(resolve: &'a Resolve, packages: &BTreeMap<&str, &Package>) -> Self {
        let is_macro = |id: &str| {
            let mut targets = packages.get(id).into_iter().flat_map(|it| &it.targets);
            targets.any(|it| it.kind.iter().any(|kind| kind == "proc-macro"))
        };
        let edges = resolve.nodes.iter().map(|node| {
            // Those of tests alone are no part of a build.
            let needed = node.deps.iter().filter_map(|dep| {
                let mut kinds = dep.dep_kinds.iter().map(|it| it.kind.as_deref());
                let is_linked = kinds.clone().any(|it| it.is_none()) && !is_macro(&dep.pkg);
                let is_built = kinds.any(|it| it != Some("dev"));
                is_built.then_some((&*dep.pkg, is_linked))
            });
            (&*node.id, needed.collect())
        });
        Self {
            edges: edges.collect(),
        }
    }

    fn needed(&self, id: &str) -> impl Iterator<Item = (&'a str, bool)> {
        self.edges.get(id).into_iter().flatten().copied()
    }

    /// Returns the packages that are reached from one, itself among them; only over linked ones if
    /// `linked`.
    fn reach(&self, from: &'a str, linked: bool) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                let next = self.needed(id).filter(|(_, it)| *it || !linked);
                open.extend(next.map(|(id, _)| id));
            }
        }
        reached
    }

    fn dependency(&self, id: &str, packages: &BTreeMap<&str, &Package>) -> Option<Value> {
        let needed = self.needed(id).filter_map(|(id, _)| packages.get(id));
        let needed: BTreeSet<_> = needed.map(|it| purl(it)).collect();
        Some(json!({ "ref": purl(packages.get(id)?), "dependsOn": needed }))
    }
}

fn component(package: &Package, is_linked: bool, sums: &BTreeMap<(&str, &str), &str>) -> Value {
    // What runs while the firmware is built, macros and build scripts, is no part of it.
    let scope = if is_linked { "required" } else { "excluded" };
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "scope": scope,
        "purl": purl(package),
    });
    let mut put = |key: &str, value| {
        component
            .as_object_mut()
            .map(|it| it.insert(key.to_owned(), value))
    };
    if let Some(sum) = sums.get(&(&*package.name, &*package.version)) {
        put("hashes", json!([{ "alg": "SHA-256", "content": sum }]));
    }
    if let Some(license) = &package.license {
        // Packages of old have a slash where SPDX has OR.
        let expression = license.replace('/', " OR ").replace("  ", " ");
        put("licenses", json!([{ "expression": expression }]));
    }
    if let Some(url) = &package.repository {
        put("externalReferences", json!([{ "type": "vcs", "url": url }]));
    }
    component
}

/// Returns the library that the compiler brings.
fn rust(version: &str) -> Value {
    let purl = format!("pkg:generic/rust-core@{version}");
    json!({
        "type": "library",
        "bom-ref": purl,
        "name": "rust-core",
        "version": version,
        "scope": "required",
        "purl": purl,
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    })
}

fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

fn reference(component: &Value) -> Option<String> {
    component.get("bom-ref").map(Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A firmware that links `a`, is built with `b`, and is tested with `c`; `a` uses the macro `m`.
    fn metadata() -> Vec<u8> {
        let package = |name: &str, kind: &str, license: Option<&str>| {
            json!({ "id": format!("id-{name}"), "name": name, "version": "1.0.0",
                    "license": license, "repository": null, "targets": [{ "kind": [kind] }] })
        };
        let needs = |name: &str, kind: Option<&str>| json!({ "pkg": format!("id-{name}"), "dep_kinds": [{ "kind": kind }] });
        let text = json!({
            "packages": [
                package("fw", "bin", None), package("a", "lib", Some("MIT/Apache-2.0")),
                package("b", "lib", None), package("c", "lib", None),
                package("m", "proc-macro", None),
            ],
            "resolve": { "nodes": [
                { "id": "id-fw", "deps":
                    [needs("a", None), needs("b", Some("build")), needs("c", Some("dev"))] },
                { "id": "id-a", "deps": [needs("m", None)] },
            ]},
        });
        serde_json::to_vec(&text).unwrap()
    }

    #[test]
    fn what_is_linked_and_what_builds_it_is_told_apart() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"5a\"\n";
        let subject = Subject {
            folder: Path::new("."),
            package: "fw",
            target: "t",
            elf_sha256: "e1f",
            lock,
            rust: "1.2.3",
        };
        let bill = of(&metadata(), subject).unwrap();
        let scopes = bill["components"].as_array().unwrap().iter();
        let scopes: Vec<_> = scopes
            .map(|it| (it["name"].as_str().unwrap(), it["scope"].as_str().unwrap()))
            .collect();
        let (yes, no) = ("required", "excluded");
        assert_eq!(
            scopes,
            [("a", yes), ("b", no), ("m", no), ("rust-core", yes)]
        );
        let a = &bill["components"][0];
        assert_eq!(a["hashes"][0]["content"], "5a");
        assert_eq!(a["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["metadata"]["component"]["hashes"][0]["content"], "e1f");
        let of_firmware = bill["dependencies"].as_array().unwrap().iter();
        let of_firmware = of_firmware
            .clone()
            .find(|it| it["ref"] == "pkg:cargo/fw@1.0.0");
        let needed = json!(["pkg:cargo/a@1.0.0", "pkg:cargo/b@1.0.0"]);
        assert_eq!(of_firmware.unwrap()["dependsOn"], needed);
        assert_eq!(bill, of(&metadata(), subject).unwrap());
        let other = Subject {
            package: "x",
            ..subject
        };
        assert!(of(&metadata(), other).is_err() && of(b"{}", subject).is_err());
    }
}
