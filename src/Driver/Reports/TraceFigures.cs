using Livebed.Driver.Analyzing;
using Livebed.Driver.Errors;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;
using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Reports;

/// <summary>
/// What a report shows of the run's traces: the slowest operations with what they waited for, which kind of operation waited for which,
/// what made faults begin again, and the trace of each violation. `livebed analyze` shows more of the same.
/// </summary>
/// <param name="Operations">the slowest first</param>
/// <param name="Pairs">the longest time first</param>
/// <param name="Causes">most faults first</param>
/// <param name="Violations">the sentence that the text of each finding has, and its trace; hangs too</param>
public sealed record TraceFigures(
    IReadOnlyList<TracedOperation> Operations, IReadOnlyList<TracedPair> Pairs, IReadOnlyList<TracedCause> Causes,
    IReadOnlyList<(string Text, string TraceId)> Violations)
{
    /// <summary>As many as a run writes unless its campaign asks for more: some 300 000 spans, which take seconds to read.</summary>
    private const long BytesMax = TraceFile.DefaultBytesMax;

    private const int OperationsMax = 20;
    private const int PairsMax = 15;
    private const int CausesMax = 15;
    private const int StepsMax = 3;

    /// <summary>Of a run's folder.</summary>
    /// <returns>null where it has no traces, or such as are left out; then why, as a sentence</returns>
    public static (TraceFigures? Figures, string? LeftOut) Of(string folder)
    {
        var path = Path.Combine(folder, RunFolder.TracesFile);
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length is not (> 0 and var bytes)) return (null, null);
            if (bytes > BytesMax)
                return (null, $"{RunFolder.TracesFile} has {bytes >> 20} MiB, and a report reads {BytesMax >> 20} MiB at most.");
            return (From(TraceAnalysis.Of(new TraceReader(path, RunFolder.TracesFile), OperationsMax, CancellationToken.None)), null);
        }
        catch (Exception exception) when (exception is UsageException or IOException or UnauthorizedAccessException)
        {
            return (null, $"{RunFolder.TracesFile} could not be read: {OneLine.Of(exception.Message)}.");
        }
    }

    private static TraceFigures From(TraceAnalysis analysis)
    {
        var began = analysis.Runs is [var run, ..] ? run.Start : analysis.Operations.Select(one => one.Root.Start).DefaultIfEmpty().Min();
        return new(
            [.. analysis.Operations.Select(one => Operation(one, began))],
            [
                .. analysis.Waits.Pairs.Take(PairsMax).Select(pair => new TracedPair(
                    pair.Waiter, pair.Holder, $"{pair.Class}-{char.ToUpperInvariant(pair.Mode[0])}", pair.Count, pair.Total, pair.Max,
                    pair.TraceId)),
            ],
            [
                .. analysis.Retries.Causes().Take(CausesMax).Select(
                    cause => new TracedCause(cause.Reason, cause.Source, cause.Faults, cause.Retries, cause.Microseconds)),
            ],
            [
                .. analysis.Violations.Select(span => ($": {span.Attributes.Text(AttributeNames.ViolationMessage)}", span.TraceId)),
            ]);
    }

    private static TracedOperation Operation(SlowOperation operation, double began)
    {
        var parts = operation.Path.GroupBy(step => (step.Span.Name, step.Span.Instance))
            .Select(group => (group.Key, Microseconds: group.Sum(step => step.Microseconds)))
            .OrderByDescending(part => part.Microseconds).Take(StepsMax)
            .Select(part => $"{part.Key.Name} on {part.Key.Instance} {Figures.Microseconds(part.Microseconds)}");
        var root = operation.Root;
        return new(
            root.Name[SpanNames.OperationPrefix.Length..], root.Attributes.Text(AttributeNames.OperationId) ?? "",
            Math.Max(0, root.Start - began), root.Microseconds, string.Join(", ", parts), root.TraceId);
    }
}

/// <summary>A slow operation; times in microseconds, its beginning since the run's.</summary>
/// <param name="Kind">what it does</param>
/// <param name="Operation">its id</param>
/// <param name="At">when it began</param>
/// <param name="Microseconds">what it took</param>
/// <param name="Where">what of its critical path took longest</param>
/// <param name="TraceId">its trace</param>
public sealed record TracedOperation(string Kind, string Operation, double At, double Microseconds, string Where, string TraceId);

/// <summary>Waits of one kind of operation for another, those that became spans.</summary>
public sealed record TracedPair(string Waiter, string Holder, string Lock, long Waits, double Total, double Max, string TraceId);

/// <summary>Faults that began again for one reason and one kind of operation, those with a span.</summary>
public sealed record TracedCause(string Reason, string Source, long Faults, double Retries, double Microseconds);
