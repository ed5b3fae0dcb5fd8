using System.CommandLine;
using Livebed.Spans;

// A file of spans as a run of three silos writes them, of any size: docs/telemetry.md says what `livebed analyze` takes for one.
var spans = new Option<long>("--spans") { Description = "how many, about", DefaultValueFactory = _ => 2_000_000 };
var seed = new Option<int>("--seed")
{
    Description = "of every draw; ids of spans and traces are new each time",
    DefaultValueFactory = _ => 1,
};
var file = new Argument<string>("file") { Description = "a new file" };
spans.Validators.Add(result =>
{
    if (result.GetValueOrDefault<long>() is < 1 or > 1_000_000_000)
        result.AddError("--spans: is no number of spans; allowed: 1 to 1000000000");
});
var root = new RootCommand("Makes a file of OTLP JSON lines as a run writes them.") { spans, seed, file };
root.SetAction(parsed =>
{
    using var target = new FileStream(parsed.GetValue(file)!, FileMode.CreateNew, FileAccess.Write);
    using var made = new MadeSpans(parsed.GetValue(seed), target);
    made.Make(parsed.GetValue(spans));
    Console.WriteLine(FormattableString.Invariant(
        $"{made.Count} spans, {target.Length >> 20} MiB: {made.Waits} lock waits, {made.Retried} retried faults"));
});
return await root.Parse(args).InvokeAsync();
