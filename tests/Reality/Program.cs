using System.CommandLine;
using Livebed.Reality;

// What was forecast beside what was measured, as tables in Markdown. Run it on a machine that does nothing else: docs/reality.md.
var only = new Option<string?>("--only") { HelpName = "TEXT", Description = "only rows whose first cells hold this text" };
var speed = new Option<double>("--speed") { HelpName = "1", Description = "of the guest", DefaultValueFactory = _ => 1 };
var root = new RootCommand("Prints tables of forecast and measurement in Markdown.")
{
    Mode("qemu", "four guests, migrated by a real QEMU (apt-get install qemu-system-x86)", QemuTable.PrintAsync),
    Mode("advise", "what advise chooses, run by migrate, and the next cheaper setting", AdviseTable.PrintAsync),
    Mode("sender", "what our own sender takes beside its bytes", _ => SenderTable.PrintAsync()),
};
var forecast = new Command("forecast", "redis, sqlite and xz, migrated by our own sender over 1 Gbit/s and 100 Mbit/s") { speed };
forecast.SetAction(parsed => ForecastTable.PrintAsync(parsed.GetValue(speed)));
root.Add(forecast);
return await root.Parse(args).InvokeAsync();

Command Mode(string name, string description, Func<string?, Task<int>> print)
{
    var mode = new Command(name, description) { only };
    mode.SetAction(parsed => print(parsed.GetValue(only)));
    return mode;
}
