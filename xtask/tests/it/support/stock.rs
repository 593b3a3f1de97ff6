//! Three images, and the account of the registries that have them.

use std::sync::LazyLock;

use xtask::oci::{Content, Digest};

use super::Sandbox;
use super::image::{Image, layout};
use super::scripted::{Scripted, State};

pub(crate) const USER: &str = "tester";
pub(crate) const PASSWORD: &str = "canary-password";

/// The images, and a registry with all of them in `app`.
pub(crate) struct Stock {
    pub(crate) old: Digest,
    pub(crate) new: Digest,
    pub(crate) foreign: Digest,
    /// The new image's layer.
    pub(crate) layer: Digest,
    state: State,
}

pub(crate) static STOCK: LazyLock<Stock> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let layout = layout(folder.path());
    let mut state = State::default();
    let [old, new, foreign] = ["old", "new", "foreign"].map(|content| {
        let manifest = Image::new(content).write(&layout);
        let Content::Image { blobs } = manifest.content() else {
            panic!("{content} is no image");
        };
        (state.take("app", &layout, &manifest), blobs[1].digest)
    });
    Stock {
        old: old.0,
        new: new.0,
        foreign: foreign.0,
        layer: new.1,
        state,
    }
});

impl Stock {
    /// The content of a registry that wants an account.
    pub(crate) fn state(&self) -> State {
        let mut state = self.state.clone();
        state.account = Some(format!("{USER}:{PASSWORD}"));
        state
    }
}

/// A sandbox whose backend lives in `registry`, with the account for it.
pub(crate) fn sandbox(registry: &Scripted) -> Sandbox {
    Sandbox::new()
        .with("BACKEND_IMAGE_REPO_NAME", registry.repository("app"))
        .with("DOCKER_USER", USER)
        .with("DOCKER_PASSWORD", PASSWORD)
        .with("DOCKER_REPO", registry.host())
}
