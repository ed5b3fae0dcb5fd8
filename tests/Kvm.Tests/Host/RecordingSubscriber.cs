using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

/// <summary>Writes down every callback as a line; can refuse, and can stop inside a start or a release until the test lets it go
/// on.</summary>
internal sealed class RecordingSubscriber(string name = "vm-0") : IMmuNotifierSubscriber
{
    public List<string> Log { get; } = [];
    public List<MmuNotifierRange> Starts { get; } = [];
    public List<MmuNotifierRange> Ends { get; } = [];

    /// <summary>Answer -EAGAIN to non-blockable ranges.</summary>
    public bool Refuses { get; set; }

    /// <summary>Called inside each start, with the range.</summary>
    public Action<MmuNotifierRange>? OnStart { get; set; }

    public Action<MmuNotifierRange>? OnEnd { get; set; }

    /// <summary>When set, starts wait for it.</summary>
    public TaskCompletionSource? StartGate { get; set; }

    public TaskCompletionSource? ReleaseGate { get; set; }

    public string Name => name;
    public bool HasChangePte { get; init; }

    public async ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range)
    {
        if (StartGate is { } gate) await gate.Task;
        Log.Add($"start {range.Pages.Start.Value:x}+{range.Pages.Pages} {range.Event}");
        OnStart?.Invoke(range);
        if (Refuses && !range.Blockable) return false;
        Starts.Add(range);
        return true;
    }

    public ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range)
    {
        Log.Add($"end {range.Pages.Start.Value:x}+{range.Pages.Pages} {range.Event}");
        OnEnd?.Invoke(range);
        Ends.Add(range);
        return ValueTask.CompletedTask;
    }

    public ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn)
    {
        Log.Add($"change_pte {hva.Value:x}");
        return ValueTask.CompletedTask;
    }

    public ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush)
    {
        Log.Add($"{(flush ? "clear_flush_young" : "clear_young")} {range.Start.Value:x}+{range.Pages}");
        return ValueTask.FromResult(true);
    }

    public ValueTask<bool> TestYoungAsync(Operation op, HvaRange range)
    {
        Log.Add($"test_young {range.Start.Value:x}+{range.Pages}");
        return ValueTask.FromResult(true);
    }

    public async ValueTask ReleaseAsync(Operation op)
    {
        Log.Add("release");
        if (ReleaseGate is { } gate) await gate.Task;
    }
}
