using Livebed.Grains.Contracts;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>One kind of load: draws the next operation when it is due.</summary>
internal interface IOperationSource
{
    /// <summary>The name under which what could not be started is counted.</summary>
    string Name { get; }

    /// <summary>Operations a second; 0 turns the source off.</summary>
    double Rate { get; }

    /// <summary>Operations of this source that may be under way at once, where that is less than the campaign's limit.</summary>
    int InFlightMax => int.MaxValue;

    /// <summary>There is nothing more to do, whatever the rate.</summary>
    bool IsDone => false;

    /// <summary>The next operation, or null when nothing can take it now (no VM is up, or every one is busy with such an
    /// operation).</summary>
    PreparedOperation? Prepare(SeededRandom random);
}

/// <summary>An operation with its target drawn: what it is and how to run it. <paramref name="Done"/> gives back what it took, however it
/// ended.</summary>
internal sealed record PreparedOperation(OperationKind Kind, Func<OperationMessage, Task<OperationResult>> RunAsync, Action? Done = null)
{
    /// <summary>What it is about, for its span.</summary>
    public OperationSubject Subject { get; init; }
}

/// <summary>How an operation ended: with effect, without, or unknown; and a few words for the history.</summary>
internal readonly record struct OperationResult(Runs.HistoryType Type, string? Value = null)
{
    public static OperationResult Of(bool done, string? value = null) => new(done ? Runs.HistoryType.Ok : Runs.HistoryType.Fail, value);
}
