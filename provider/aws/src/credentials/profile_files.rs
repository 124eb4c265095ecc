//! The files of profiles, read within limits: the SDK would read them in one call on a worker of the runtime, without a limit.

use std::env;
use std::path::PathBuf;

use aws_runtime::env_config::file::EnvConfigFileKind;
use aws_runtime::env_config::file::EnvConfigFiles;
use countersign_core::codec::text::Text;
use countersign_files::ReadInTimeError;
use countersign_files::ShownPath;
use countersign_files::read_in_time;
use futures_util::future::join;
use tokio::time::Instant;

use crate::limits;

/// The variable of a file, and where it is in the home directory without it
/// ([location](https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html)).
type Location = (&'static str, &'static str);

const CREDENTIALS: Location = ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
const CONFIG: Location = ("AWS_CONFIG_FILE", ".aws/config");

/// Both files. One that cannot be read counts as empty, as for the SDK; messages name it with the reason.
pub(super) struct ReadProfileFiles {
    credentials: Content,
    config: Content,
}

struct Content {
    /// The path with the variable, and why it has no content.
    shown: Text,
    text: String,
}

impl ReadProfileFiles {
    pub(super) async fn read() -> Self {
        let (credentials, config) = join(content(CREDENTIALS), content(CONFIG)).await;
        Self { credentials, config }
    }

    /// For the SDK.
    pub(super) fn contents(&self) -> EnvConfigFiles {
        EnvConfigFiles::builder()
            .with_contents(EnvConfigFileKind::Config, &self.config.text)
            .with_contents(EnvConfigFileKind::Credentials, &self.credentials.text)
            .build()
    }

    /// The paths with their variables, for a message.
    pub(super) fn shown(&self) -> Text {
        Text::of(format_args!("{} and {}", self.credentials.shown, self.config.shown))
    }
}

async fn content((variable, default): Location) -> Content {
    let named = env::var_os(variable).map(PathBuf::from);
    let path = match (named, env::home_dir()) {
        (Some(path), Some(home)) => match path.strip_prefix("~") {
            Ok(rest) => home.join(rest),
            Err(_) => path,
        },
        (Some(path), None) => path,
        (None, Some(home)) => home.join(default),
        (None, None) => {
            let shown = Text::of(format_args!("{variable} (not set, and there is no home directory)"));
            return Content { shown, text: String::new() };
        }
    };
    let deadline = Instant::now() + limits::FILE_TIMEOUT;
    let read = read_in_time(path.clone(), limits::PROFILE_FILE_BYTES, deadline).await;
    let problem = match read.map(String::from_utf8) {
        Ok(Ok(text)) => return Content { shown: Text::of(format_args!("{} ({variable})", path.display())), text },
        Ok(Err(_)) => Text::of("has other content than text"),
        Err(ReadInTimeError::Read(why)) => Text::of(format_args!("cannot be read: {why}")),
        Err(ReadInTimeError::Late) => Text::of(ReadInTimeError::Late),
    };
    let path = ShownPath::of(&path);
    let shown = Text::of(format_args!("{path} ({variable}, which {problem})"));
    Content { shown, text: String::new() }
}
