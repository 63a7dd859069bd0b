//! Log lines of plugins reach the place that the application chose.

use crate::common;

use common::{install_c, load};
use slopefield_plugin_host::set_log;
use std::sync::{Arc, Mutex};

#[test]
fn plugins_write_to_the_log() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = lines.clone();
    set_log(move |level, text| sink.lock().unwrap().push((level, text.to_owned())));
    set_log(|_, _| panic!("only the first place counts"));
    let folder = tempfile::tempdir().unwrap();
    let about = ("org.example.demo-c", "0.1.0");
    install_c(folder.path(), "demo_c.c", &[], about, &["rk4", "ros2"]);
    assert!(load(folder.path()).problems().is_empty());
    // Other tests of this program load plugins meanwhile.
    let lines = lines.lock().unwrap();
    assert!(lines.contains(&(3, "demo-c: hello".to_owned())), "{lines:?}");
}
