//! Nothing of a plugin runs before the user trusts it, and only what was trusted runs.

use crate::common;

use common::{install_c, load, places, trust_all};
use slopefield_plugin_host::{Places, PluginError, Registry, Trust, TrustState, discover};
use std::fs;
use std::path::{Path, PathBuf};

const ID: &str = "org.example.demo-c";
const RK4: &str = "org.example.demo-c/rk4";

fn install(folder: &Path) -> PathBuf {
    install_c(folder, "demo_c.c", &[], (ID, "0.1.0"), &["rk4", "ros2"])
}

#[track_caller]
fn refusal(registry: &Registry) -> String {
    assert!(registry.plugins().is_empty());
    let [(_, problem @ PluginError::NotTrusted { .. })] = registry.problems() else {
        panic!("{:?}", registry.problems())
    };
    // Whoever asks for a solver of it learns why it is not there.
    let asked = registry.stepper(RK4).err().unwrap().to_string();
    assert!(asked.contains(&problem.to_string()), "{asked}");
    problem.to_string()
}

#[test]
fn a_plugin_is_loaded_only_when_trusted_and_named() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path());
    let places = places(folder.path());
    let refused = refusal(&Registry::load(&places, &Trust::default(), &[ID]));
    for part in ["has not been trusted", "can read and change your files", "plugin trust org.ex"] {
        assert!(refused.contains(part), "{refused}");
    }
    // Refused means that not even the copy was made.
    assert!(!places.cache.exists());
    let trust = trust_all(folder.path());
    let other = Registry::load(&places, &trust, &["org.example.other"]);
    assert!(other.plugins().is_empty() && other.problems().is_empty() && !places.cache.exists());
    assert!(other.stepper("org.example.other/rk4").err().unwrap().to_string().contains(RK4));
    let loaded = Registry::load(&places, &trust, &[ID]);
    assert!(loaded.problems().is_empty(), "{:?}", loaded.problems());
    assert!(loaded.stepper(RK4).is_ok());
}

/// Only what the user trusts and the application did not bring is a stranger's code to run.
#[test]
fn strangers_code_is_told_from_the_applications_own() {
    let folder = tempfile::tempdir().unwrap();
    let place = install(folder.path());
    let (mine, trust) = (places(folder.path()), trust_all(folder.path()));
    assert!(Registry::is_foreign(&mine, &trust, ID));
    assert!(!Registry::is_foreign(&mine, &trust, "org.example.other"));
    assert!(!Registry::is_foreign(&mine, &Trust::default(), ID));
    let bundled = Places { bundled: mine.others.clone(), others: Vec::new(), ..mine.clone() };
    assert!(!Registry::is_foreign(&bundled, &trust, ID));
    let manifest = place.join("plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text}# changed\n")).unwrap();
    assert!(!Registry::is_foreign(&mine, &trust, ID));
}

#[test]
fn the_plugins_of_the_application_need_no_trust() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path());
    let bundled = vec![folder.path().to_owned()];
    let places = Places { bundled, others: Vec::new(), cache: folder.path().join("cache") };
    let registry = Registry::load(&places, &Trust::default(), &[ID]);
    assert!(registry.problems().is_empty() && registry.stepper(RK4).is_ok());
}

#[test]
fn a_change_is_named_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = install(folder.path());
    let (places, trust) = (places(folder.path()), trust_all(folder.path()));
    let found = || discover(&[folder.path()]).remove(0);
    assert_eq!(trust.state(&found(), &found().hash().unwrap()), TrustState::Trusted);

    let manifest = place.join("plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text}# one more line\n")).unwrap();
    let refused = refusal(&Registry::load(&places, &trust, &[ID]));
    assert!(refused.contains("trusted: its manifest is another;"), "{refused}");

    let library = found().library().unwrap();
    let mut bytes = fs::read(&library).unwrap();
    bytes.push(0);
    fs::write(&library, &bytes).unwrap();
    let refused = refusal(&Registry::load(&places, &trust, &[ID]));
    let both = "trusted: its manifest is another and its library is another;";
    assert!(refused.contains(both), "{refused}");

    fs::write(&manifest, text).unwrap();
    let refused = refusal(&Registry::load(&places, &trust, &[ID]));
    assert!(refused.contains("trusted: its library is another;"), "{refused}");
    assert!(!places.cache.exists());
    // Trusted as it is now, it runs: a byte at the end of a library means nothing.
    assert!(load(folder.path()).stepper(RK4).is_ok());
}

#[test]
fn a_newer_version_waits_for_trust_and_a_changed_one_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path());
    let mut trust = trust_all(folder.path());
    let newer = folder.path().join(ID).join("0.2.0");
    let older = folder.path().join(ID).join("0.1.0");
    for file in ["plugin.toml"].iter().map(PathBuf::from).chain([lib(&older)]) {
        fs::create_dir_all(newer.join(&file).parent().unwrap()).unwrap();
        fs::copy(older.join(&file), newer.join(&file)).unwrap();
    }
    let text = fs::read_to_string(newer.join("plugin.toml")).unwrap();
    fs::write(newer.join("plugin.toml"), text.replace("0.1.0", "0.2.0")).unwrap();
    let places = places(folder.path());
    let registry = Registry::load(&places, &trust, &[ID]);
    assert_eq!(registry.plugins()[0].version, "0.1.0");
    // The newer one trusted, then changed.
    let found = discover(&[&folder.path()]).remove(1);
    assert_eq!(found.manifest.as_ref().unwrap().version, "0.2.0");
    trust.add(&found, &found.hash().unwrap());
    fs::write(newer.join("plugin.toml"), text.replace("0.1.0", "0.2.0") + "\n").unwrap();
    let refused = refusal(&Registry::load(&places, &trust, &[ID]));
    assert!(refused.contains("0.2.0") && refused.contains("has changed"), "{refused}");
}

/// Path of the library below the folder of the plugin.
fn lib(place: &Path) -> PathBuf {
    let folder = Path::new("lib").join(slopefield_plugin_host::platform());
    let name = fs::read_dir(place.join(&folder)).unwrap().next().unwrap().unwrap().file_name();
    folder.join(name)
}

#[test]
fn the_record_is_kept_and_a_damaged_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path());
    let file = folder.path().join("settings/trusted.json");
    assert_eq!(Trust::read(&file).unwrap(), Trust::default());
    let mut trust = trust_all(folder.path());
    trust.write(&file).unwrap();
    assert_eq!(Trust::read(&file).unwrap(), trust);
    assert!(trust.remove(ID) && !trust.remove(ID));
    trust.write(&file).unwrap();
    assert_eq!(Trust::read(&file).unwrap(), Trust::default());
    // A hash that is none fits nothing, least of all a library that cannot be read.
    let (good, whole) = ("7".repeat(64), trust_all(folder.path()));
    for bad in ["", "7", &"7".repeat(65), &"G".repeat(64), &"A".repeat(64)] {
        for (manifest, library) in [(bad, good.as_str()), (good.as_str(), bad)] {
            let entry = format!(
                "{{\"id\":\"{ID}\",\"version\":\"0.1.0\",\"manifest\":\"{manifest}\",\"library\":\"{library}\"}}"
            );
            fs::write(&file, format!("{{\"trusted\":[{entry}]}}")).unwrap();
            let refused = Trust::read(&file).unwrap_err().to_string();
            assert!(refused.contains("not a BLAKE3 hash"), "`{bad}`: {refused}");
        }
        let mut trust = whole.clone();
        trust.add(&discover(&[folder.path()])[0], bad);
        assert_eq!(trust, whole, "`{bad}` is no hash to trust");
    }
    fs::write(&file, "{\"trusted\": [{}]}").unwrap();
    let damaged = Trust::read(&file).unwrap_err();
    assert!(matches!(damaged, PluginError::TrustRecord { .. }));
    assert!(damaged.to_string().contains("trust your plugins again"), "{damaged}");
}
