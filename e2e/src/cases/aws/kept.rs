//! `--keep`: the chain goes on serving after the cases, and a user gets a shell in its namespaces.

use std::time::Duration;

use serde_json::json;

use super::chain::Chain;
use super::settings::Identity;
use crate::interrupt;
use crate::namespaces;
use crate::policy;

/// Time until Gatekeeper calls the kept server.
const CALLED: Duration = Duration::from_secs(20);

/// What a user needs, as text.
struct HowToUse<'a> {
    enter: &'a str,
    kubeconfig: &'a str,
    tools: &'a str,
    signed: &'a str,
    unsigned: &'a str,
    health: &'a str,
    check: &'a str,
}

impl HowToUse<'_> {
    fn text(&self) -> String {
        let Self { enter, kubeconfig, tools, signed, unsigned, health, check } = self;
        format!(
            "\nstill running; Ctrl-C ends it\n\
             # All processes are in namespaces of their own, where the names of AWS lead to doubles. In another terminal, this shell is in them:\n\
             {enter}\n\
             # In that shell:\n\
             export KUBECONFIG={kubeconfig}\n\
             export PATH={tools}:$PATH\n\
             kubectl run signed --image={signed}\n\
             kubectl run unsigned --image={unsigned}\n\
             {check}\n\
             curl http://{health}/metrics\n"
        )
    }
}

/// Starts Countersign again, which the last cases have replaced by other pods.
///
/// # Errors
/// Gatekeeper does not admit a signed image with it.
pub(super) fn restore(chain: &mut Chain<'_>) -> anyhow::Result<String> {
    chain.transcript.chapter("Kept");
    chain.start_with(Identity::Irsa)?;
    let (url, bundle) = (chain.countersign.url("/v1/verify"), chain.countersign.authority().certificate());
    policy::apply_provider(chain.workdir, &chain.cluster, "countersign-verify", &url, &bundle)?;
    let signed = chain.push("shop/app", &json!({}))?;
    chain.until_admitted(&signed, CALLED)?;
    let unsigned = chain.push("shop/app", &json!({ "signed": false }))?;
    let (signed, unsigned) = (chain.tag(&signed)?, chain.tag(&unsigned)?);
    let variables = chain.countersign.variables().iter().map(|(name, value)| format!("{name}={value} "));
    let check = format!(
        "{}{} check --config {} --online --image {signed}",
        variables.collect::<String>(),
        chain.countersign.binary().display(),
        chain.countersign.configuration().display(),
    );
    Ok(HowToUse {
        enter: &namespaces::enter(std::process::id(), namespaces::is_root_of_the_machine()),
        kubeconfig: &chain.cluster.kubeconfig().display().to_string(),
        tools: &chain.workdir.tools().display().to_string(),
        signed: &signed,
        unsigned: &unsigned,
        health: &chain.countersign.health(),
        check: &check,
    }
    .text())
}

/// Prints the results of the cases and how to use the chain, and serves until the run is interrupted.
pub(super) fn serve(chain: &Chain<'_>, how_to_use: &str) -> ! {
    chain.transcript.finish();
    println!("{how_to_use}");
    interrupt::wait_forever()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_a_line_for_each_step() {
        let text = HowToUse {
            enter: "nsenter x",
            kubeconfig: "/w/kubeconfig",
            tools: "/t",
            signed: "r/shop:t1",
            unsigned: "r/shop:t2",
            health: "127.0.0.1:1",
            check: "A=b countersign check",
        }
        .text();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "",
                "still running; Ctrl-C ends it",
                "nsenter x",
                "export KUBECONFIG=/w/kubeconfig",
                "export PATH=/t:$PATH",
                "kubectl run signed --image=r/shop:t1",
                "kubectl run unsigned --image=r/shop:t2",
                "A=b countersign check",
                "curl http://127.0.0.1:1/metrics",
            ]
        );
    }
}
