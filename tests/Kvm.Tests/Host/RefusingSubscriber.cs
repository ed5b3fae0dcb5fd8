using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

/// <summary>A subscriber with a defect: it answers -EAGAIN to every range.</summary>
internal sealed class RefusingSubscriber : IMmuNotifierSubscriber
{
    public string Name => "refuser";
    public bool HasChangePte => false;
    public ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range) => ValueTask.FromResult(false);
    public ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range) => ValueTask.CompletedTask;
    public ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn) => ValueTask.CompletedTask;
    public ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush) => ValueTask.FromResult(false);
    public ValueTask<bool> TestYoungAsync(Operation op, HvaRange range) => ValueTask.FromResult(false);
    public ValueTask ReleaseAsync(Operation op) => ValueTask.CompletedTask;
}
