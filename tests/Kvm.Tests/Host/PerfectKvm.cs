using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

/// <summary>
/// The smallest secondary MMU that keeps its contract: it drops its translations at start, installs none between start and end nor from a
/// lookup that an end overtook, and accesses memory in one step with the translation. Its counts are global: no hull, no memslots.
/// </summary>
internal sealed class PerfectKvm(HostRig rig, int mm) : IMmuNotifierSubscriber
{
    private readonly Dictionary<Hva, HostPage> _translations = [];
    private int _inProgress;
    private long _sequence;
    private long _faults;
    private bool _released;

    public string Name => $"vm-{mm}";
    public bool HasChangePte => false;

    /// <summary>Ranges begun and not ended; never below 0 and 0 at rest.</summary>
    public int InProgress => _inProgress;

    /// <summary>One guest access, faulting as often as it takes; false when the address space is gone or memory is short.</summary>
    public async Task<bool> AccessAsync(GuestAccessKind kind, Hva hva, ulong value = 0)
    {
        var op = rig.Op();
        while (!_released)
        {
            await rig.World.PointAsync(SchedulingPoint.GuestAccess);
            if (_translations.TryGetValue(hva, out var page) && (kind == GuestAccessKind.Read || page.Writable))
            {
                await rig.Host.Find(mm)!.GuestMemory.ExecuteAsync(
                    new[] { new GuestAccess(new Gfn(hva.Value), hva, page.Pfn, kind, value) });
                return true;
            }

            if (_inProgress > 0)
            {
                await rig.World.DelayAsync(1);
                continue;
            }

            var snapshot = _sequence;
            page = await rig.Host.Process(mm).FaultInAsync(op, hva, kind == GuestAccessKind.Write);
            if (page.Status != HostPageStatus.Ok) return false;
            await rig.World.PointAsync(SchedulingPoint.FaultStep);

            // Now and then the fault is slow, so that a whole range can pass between lookup and install.
            if (++_faults % 3 == 0) await rig.World.DelayAsync(15);
            if (_inProgress == 0 && _sequence == snapshot && !_released) _translations[hva] = page;
            await rig.Host.Process(0).PutPageAsync(rig.Op(), page.Pfn);
        }

        return false;
    }

    public AuditedSpte[] Sptes => [.. _translations.Select(entry => new AuditedSpte(entry.Key, entry.Value.Pfn, entry.Value.Writable))];

    public async ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range)
    {
        // A lock that a non-blockable range would have to wait for, now and then.
        if (!range.Blockable && range.RangeId % 2 == 0) return false;
        _inProgress++;
        foreach (var hva in _translations.Keys.Where(range.Pages.Contains).ToList()) _translations.Remove(hva);
        await rig.World.PointAsync(SchedulingPoint.TlbFlush);
        return true;
    }

    public ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range)
    {
        _sequence++;
        _inProgress--;
        Assert.True(_inProgress >= 0, $"an end without its start: {range}");
        return ValueTask.CompletedTask;
    }

    public ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn) => ValueTask.CompletedTask;
    public ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush) => ValueTask.FromResult(false);
    public ValueTask<bool> TestYoungAsync(Operation op, HvaRange range) => ValueTask.FromResult(false);

    public ValueTask ReleaseAsync(Operation op)
    {
        _released = true;
        _translations.Clear();
        return ValueTask.CompletedTask;
    }
}
