using Livebed.Driver.Terminal;
using Livebed.Grains.Telemetry;
using Spectre.Console;

namespace Livebed.Driver.Analyzing;

/// <summary>What `analyze` prints for people. Each table says what it is in a line before it; one without rows is left out.</summary>
internal sealed class AnalyzeReport(IAnsiConsole console, TraceAnalysis analysis, AnalyzeRequest request)
{
    /// <summary>From here on the lock table fits side by side.</summary>
    private const int WideColumns = 140;

    private const int StepsMax = 20;

    public void Write(IReadOnlyList<(Threshold Threshold, double Value)> breaches)
    {
        Line(FormattableString.Invariant(
            $"{analysis.Spans:N0} spans in {analysis.Roots:N0} traces from {string.Join(", ", analysis.Instances)}"));
        foreach (var run in analysis.Runs)
            Line($"run of {Text(run, AttributeNames.Campaign)}, protocol {Text(run, AttributeNames.Protocol)}, "
                + $"mutant {Text(run, AttributeNames.Mutant)}, seed {Text(run, AttributeNames.Seed)}");
        if (analysis.ViolationCount > 0) Line($"violations and hangs: {analysis.ViolationCount}; see results.json of the run");
        WriteLocks();
        WritePairs();
        WriteChains();
        WriteRetries();
        WriteStalls();
        foreach (var operation in analysis.Operations) WritePath(operation);
        foreach (var (threshold, value) in breaches)
            Line(FormattableString.Invariant($"fails: {threshold.Text} (it is {value:0.##})"));
    }

    private void WriteLocks()
    {
        var rows = analysis.Locks.Rows.Where(row => row.Contentions > 0).Take(request.Top).ToList();
        if (analysis.Locks.Rows.Count == 0) return;
        Heading(analysis.Locks.IsWhole
            ? $"Locks, every acquisition of the run; {analysis.Locks.Rows.Count - rows.Count} rows more that cost less or nothing"
            : "Locks, of waits and holds that became spans alone: the span of the run is not in these traces");
        if (console.Profile.Width >= WideColumns)
        {
            Table(
                ["lock", "conBounces", "contentions", "waitMin", "waitMax", "waitTotal", "waitAvg", "acqBounces", "acquisitions", "holdMin",
                    "holdMax", "holdTotal", "holdAvg"],
                rows.Select(row => (string[])[NameOf(row), .. Waits(row), .. Holds(row)]));
            return;
        }

        // No room for bounces.
        Table(
            ["lock waits", "contentions", "min", "max", "total", "avg"],
            rows.Select(row => (string[])[NameOf(row), .. Waits(row)[1..]]));
        Table(
            ["lock holds", "acquisitions", "min", "max", "total", "avg"],
            rows.Select(row => (string[])[NameOf(row), .. Holds(row)[1..]]));
    }

    private void WritePairs()
    {
        var pairs = analysis.Waits.Pairs.Take(request.Top).ToList();
        if (pairs.Count == 0) return;
        Heading("Who waited for whom, of waits that became spans");
        Table(
            ["waiter", "holder", "lock", "waits", "total", "max"],
            pairs.Select(pair => (string[])[
                pair.Waiter, pair.Holder, $"{pair.Class}-{char.ToUpperInvariant(pair.Mode[0])}", Figures.Count(pair.Count),
                Figures.Microseconds(pair.Total), Figures.Microseconds(pair.Max)]));
        Heading("The longest of them");
        foreach (var wait in analysis.Waits.Longest(request.Top))
            Line($"  {Figures.Microseconds(wait.Microseconds),6}  {Waiter(wait)} for {wait.Class} ({wait.Lock}, {wait.Mode}) "
                + $"of {wait.HolderKind} {wait.Holder}{Trace(wait.TraceId)}");
    }

    private void WriteChains()
    {
        var chains = analysis.Waits.Chains(request.Top);
        if (chains.Count == 0) return;
        Heading("Chains: what one waited for was itself waiting");
        foreach (var chain in chains)
        {
            Line($"  {Figures.Microseconds(chain[0].Microseconds),6}  {Waiter(chain[0])}");
            foreach (var wait in chain)
                Line($"          waits {Figures.Microseconds(wait.Microseconds)} for {wait.Class} ({wait.Lock}) of "
                    + $"{wait.HolderKind} {wait.Holder}, seen on {wait.Silo}");
        }
    }

    private void WriteRetries()
    {
        var retries = analysis.Retries;
        if (retries.Faults == 0) return;
        Heading(FormattableString.Invariant(
            $"Faults with a span: {retries.Faults:N0}; {retries.Retried:N0} began again, {retries.Linked:N0} of them lead to the cause"));
        if (retries.Retried == 0) return;
        Table(
            ["began again for", "made by", "faults", "retries", "time in them"],
            retries.Causes().Take(request.Top).Select(cause => (string[])[
                cause.Reason, cause.Source, Figures.Count(cause.Faults), Figures.Count(cause.Retries),
                Figures.Microseconds(cause.Microseconds)]));
        foreach (var chain in retries.Chains(request.Top))
        {
            var source = chain.Source is { } found
                ? $"{found.Kind} {found.Operation}"
                    + (found.Pages > 0 ? FormattableString.Invariant($" of {found.Pages} pages at hva 0x{(long)found.Hva:x}") : "")
                    + $", {Figures.Microseconds(found.Microseconds)} on {found.Silo}"
                : "what made it is not in these traces";
            Line(FormattableString.Invariant($"  {Figures.Microseconds(chain.Microseconds),6}  {chain.Vm} gfn 0x{(long)chain.Gfn:x} ")
                + $"({chain.Fault} on {chain.Silo}) {Figures.Count(chain.Retries)} times, {chain.Reason} <- "
                + $"{source}{Trace(chain.TraceId)}");
        }
    }

    private void WriteStalls()
    {
        var vms = analysis.Stalls.Vms.Take(request.Top).ToList();
        if (vms.Count == 0) return;
        Heading("What kept guests from running: all faults, migrations; then faults with a span, and where their time went");
        Table(
            ["vm", "faults", "moving", "traced", "of them", "lock", "turn", "network", "retry", "work"],
            vms.Select(vm => (string[])[
                vm.Vm, vm.Faults is { } faults ? Figures.Microseconds(faults) : "-",
                vm.Migration is { } migration ? Figures.Microseconds(migration) : "-", Figures.Count(vm.Spans),
                Figures.Microseconds(vm.Traced), Figures.Microseconds(vm.LockWait), Figures.Microseconds(vm.TurnWait),
                Figures.Microseconds(vm.Network), Figures.Microseconds(vm.Retry), Figures.Microseconds(vm.Work)]));
    }

    private void WritePath(SlowOperation operation)
    {
        Heading($"Critical path of {operation.Root.Name}, {Figures.Microseconds(operation.Root.Microseconds)}, "
            + $"trace {operation.Root.TraceId}");
        // The short steps are left out, and the order is that of time.
        var shown = operation.Path.OrderByDescending(step => step.Microseconds).Take(StepsMax).ToHashSet();
        foreach (var step in operation.Path.Where(shown.Contains))
            Line($"  {Figures.Microseconds(step.Microseconds),6}  {new string(' ', 2 * step.Depth)}{step.Span.Name} on "
                + $"{step.Span.Instance}");
        if (operation.Path.Count > StepsMax) Line($"  and {operation.Path.Count - StepsMax} shorter steps");
    }

    private void Table(string[] columns, IEnumerable<string[]> rows)
    {
        var table = Tables.Create(columns);
        foreach (var row in rows) table.Row(row);
        console.Write(table);
    }

    private void Heading(string text)
    {
        console.WriteLine();
        console.Write(new Text(text, new Style(decoration: Decoration.Bold)));
        console.WriteLine();
    }

    private void Line(string text)
    {
        console.Write(new Text(text));
        console.WriteLine();
    }

    /// <summary>For Jaeger's search field, where it does not break the line.</summary>
    private string Trace(string id) => console.Profile.Width >= WideColumns ? $"; trace {id}" : "";

    private static string Text(SpanRecord span, string name) => span.Attributes.Text(name) ?? "unknown";

    private static string Waiter(WaitFor wait) => $"{wait.WaiterKind} {wait.Waiter}";

    private static string NameOf(LockRow row) => $"{row.Class}-{char.ToUpperInvariant(row.Mode[0])}";

    private static string[] Waits(LockRow row) =>
    [
        Figures.Count(row.ContentionBounces), Figures.Count(row.Contentions),
        Figures.Microseconds(row.WaitMin), Figures.Microseconds(row.WaitMax),
        Figures.Microseconds(row.WaitTotal), Figures.Microseconds(row.WaitAvg),
    ];

    private static string[] Holds(LockRow row) =>
    [
        row.Acquisitions > 0 ? Figures.Count(row.AcquisitionBounces) : "-", row.Acquisitions > 0 ? Figures.Count(row.Acquisitions) : "-",
        Figures.Microseconds(row.HoldMin), Figures.Microseconds(row.HoldMax),
        Figures.Microseconds(row.HoldTotal), Figures.Microseconds(row.HoldAvg),
    ];
}
