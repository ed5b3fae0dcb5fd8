using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Livebed.Driver.Analyzing;

/// <summary>What `analyze --json` prints; docs/telemetry.md explains each field. Times are microseconds.</summary>
internal static class AnalyzeJson
{
    private static readonly AnalyzeJsonContext _context = new(new JsonSerializerOptions(AnalyzeJsonContext.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static string Write(TraceAnalysis analysis, AnalyzeRequest request, IReadOnlyList<(Threshold Threshold, double Value)> breaches)
    {
        var document = new AnalyzeDocument(
            request.Source, analysis.Spans, analysis.Roots, analysis.ViolationCount, analysis.Instances, analysis.Locks.IsWhole,
            [.. analysis.Locks.Rows.Select(LockFigures.From)],
            [
                .. analysis.Waits.Pairs.Take(request.Top).Select(pair => new PairFigures(
                    pair.Class, pair.Mode, pair.Waiter, pair.Holder, pair.Count, pair.Total, pair.Max, pair.TraceId)),
            ],
            [.. analysis.Waits.Longest(request.Top).Select(WaitFigures.From)],
            [.. analysis.Waits.Chains(request.Top).Select(chain => (IReadOnlyList<WaitFigures>)[.. chain.Select(WaitFigures.From)])],
            new FaultFigures(
                analysis.Retries.Faults, analysis.Retries.Retried, analysis.Retries.Retries, analysis.Retries.Linked,
                analysis.Retries.SlowestMicroseconds, analysis.Retries.Causes(), analysis.Retries.Chains(request.Top)),
            [.. analysis.Stalls.Vms.Take(request.Top).Select(StallFigures.From)],
            [.. analysis.Operations.Select(OperationFigures.From)],
            [.. breaches.Select(breach => new Breach(breach.Threshold.Text, breach.Value))]);
        return JsonSerializer.Serialize(document, _context.AnalyzeDocument);
    }
}

internal sealed record AnalyzeDocument(
    string Source, long Spans, long Traces, long Violations, IReadOnlyList<string> Instances, bool LocksAreWhole,
    IReadOnlyList<LockFigures> Locks, IReadOnlyList<PairFigures> Pairs, IReadOnlyList<WaitFigures> Waits,
    IReadOnlyList<IReadOnlyList<WaitFigures>> Chains, FaultFigures Faults, IReadOnlyList<StallFigures> Stalls,
    IReadOnlyList<OperationFigures> Operations, IReadOnlyList<Breach> Breaches);

internal sealed record LockFigures(
    string Class, string Mode, double Acquisitions, double Contentions, double AcquisitionBounces, double ContentionBounces,
    double WaitMin, double WaitMax, double WaitTotal, double WaitAvg,
    double HoldMin, double HoldMax, double HoldTotal, double HoldAvg)
{
    public static LockFigures From(LockRow row) => new(
        row.Class, row.Mode, row.Acquisitions, row.Contentions, row.AcquisitionBounces, row.ContentionBounces, row.WaitMin, row.WaitMax,
        row.WaitTotal, Math.Round(row.WaitAvg, 2),
        row.HoldMin, row.HoldMax, row.HoldTotal, Math.Round(row.HoldAvg, 2));
}

internal sealed record PairFigures(
    string Class, string Mode, string Waiter, string Holder, long Count, double Total, double Max, string TraceId);

internal sealed record WaitFigures(
    string Class, string Mode, string Lock, string Waiter, string WaiterKind, string Holder, string HolderKind, string Silo,
    double Microseconds, string TraceId)
{
    public static WaitFigures From(WaitFor wait) => new(
        wait.Class, wait.Mode, wait.Lock, wait.Waiter, wait.WaiterKind, wait.Holder, wait.HolderKind, wait.Silo,
        Math.Round(wait.Microseconds, 1), wait.TraceId);
}

internal sealed record FaultFigures(
    long Spans, long Retried, double Retries, long Linked, double Max, IReadOnlyList<RetryCause> Causes,
    IReadOnlyList<RetryChain> Chains);

internal sealed record StallFigures(
    string Vm, double? Faults, double? Migration, long Spans, double Traced, double LockWait, double TurnWait, double Network, double Retry,
    double Work)
{
    public static StallFigures From(GuestStall stall) => new(
        stall.Vm, stall.Faults, stall.Migration, stall.Spans, Math.Round(stall.Traced, 1), stall.LockWait, stall.TurnWait, stall.Network,
        stall.Retry, Math.Round(stall.Work, 1));
}

internal sealed record OperationFigures(
    string Name, string TraceId, string Instance, double Microseconds, IReadOnlyList<StepFigures> CriticalPath)
{
    public static OperationFigures From(SlowOperation operation) => new(
        operation.Root.Name, operation.Root.TraceId, operation.Root.Instance, Math.Round(operation.Root.Microseconds, 1),
        [
            .. operation.Path.Select(step => new StepFigures(
                step.Span.Name, step.Span.Instance, step.Depth, Math.Round(step.Start - operation.Root.Start, 1),
                Math.Round(step.Microseconds, 1))),
        ]);
}

internal sealed record StepFigures(string Name, string Instance, int Depth, double At, double Microseconds);

internal sealed record Breach(string Condition, double Value);

/// <summary>The generated writer of the document.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, NewLine = "\n", PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(AnalyzeDocument))]
internal sealed partial class AnalyzeJsonContext : JsonSerializerContext;
