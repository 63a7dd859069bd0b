//! `slopefield devices`.

use super::Session;
use crate::output;
use slopefield_api::types::{CardView, CudaView, DevicesView, Empty};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Lists the processor, graphics cards and libraries of CUDA, and says what would be chosen.
pub async fn run(session: &Session) -> Result<ExitCode, ApiError> {
    let (view, _): (DevicesView, _) = session.call(Command::devices, Empty {}, |_, _| {}).await?;
    if session.json {
        output::json(&view);
    } else {
        output::print(&text(&view));
    }
    Ok(ExitCode::SUCCESS)
}

fn text(view: &DevicesView) -> String {
    let processor = &view.processor;
    let cores = if processor.cores == 1 { "core" } else { "cores" };
    let mut text = format!(
        "processor  {}\n           {} {cores}, {}, double precision\n",
        processor.name, processor.cores, processor.instructions
    );
    for card in &view.cards {
        text += &of_card(card);
    }
    if let Some(why) = &view.none_because {
        text += &format!("card       none: {why}\n");
    }
    text += &format!("CUDA       {}\n", of_cuda(&view.cuda));
    text += &format!("auto       {}: {}\n", view.chosen, view.because);
    text
}

fn of_card(card: &CardView) -> String {
    let maker = if card.maker.is_empty() { String::new() } else { format!("{}, ", card.maker) };
    let driver = if card.driver.is_empty() { String::new() } else { format!(", {}", card.driver) };
    let double = match card.double {
        true => "single and double precision",
        false => "single precision",
    };
    format!(
        "card       {}\n           {maker}{}\n           {}{driver}\n           arrays to {}, {} \
         shared by a workgroup\n           {double}, tolerances from {:e} on\n",
        card.name,
        card.kind,
        card.interface,
        bytes(card.largest_array),
        bytes(u64::from(card.shared_memory)),
        card.finest,
    )
}

fn of_cuda(cuda: &CudaView) -> String {
    let version = cuda.version.as_ref().map_or(String::new(), |v| format!(" {v}"));
    match (&cuda.driver, &cuda.compiler) {
        (None, None) => "no libraries of CUDA are installed".into(),
        (driver, compiler) => {
            let told = |what: &str, path: &Option<String>| match path {
                Some(path) => format!("{what} {path}"),
                None => format!("no {what}"),
            };
            format!(
                "{}, {}; both are needed to reach cards through it",
                told(&format!("driver{version}"), driver),
                told("compiler", compiler)
            )
        }
    }
}

/// Bytes for people, in powers of 1024.
fn bytes(count: u64) -> String {
    let units = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| count >= *unit) {
        Some((unit, name)) => {
            let number = count as f64 / unit as f64;
            let decimals = usize::from(number < 10.0 && number.fract() > 0.05);
            format!("{number:.decimals$} {name}")
        }
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_a_unit_that_people_read() {
        let shown = [512, 16 << 10, 32 << 10, (5 << 29), 128 << 20, (4 << 30) - 1].map(bytes);
        assert_eq!(shown, ["512 bytes", "16 KiB", "32 KiB", "2.5 GiB", "128 MiB", "4.0 GiB"]);
    }
}
