namespace Livebed.Driver.Running;

/// <summary>How an operation ended: with effect, without, or nobody knows; and a few words for the history.</summary>
internal readonly record struct OperationResult(Runs.HistoryType Type, string? Value = null)
{
    public static OperationResult Of(bool done, string? value = null) => new(done ? Runs.HistoryType.Ok : Runs.HistoryType.Fail, value);
}
