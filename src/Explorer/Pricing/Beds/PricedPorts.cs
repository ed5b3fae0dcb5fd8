using Livebed.Explorer.Pricing.Worlds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Beds;

/// <summary>From a vCPU to its VM: the exit, the fault, the entry.</summary>
internal sealed class PricedVmPort(PricedBed bed) : IVmPort
{
    private OperationId _fault;
    private long _since;

    public async ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write)
    {
        var world = bed.World;
        world.Charge(Price.PageWalk, Account.Exits);
        if (bed.Vm.Sptes.TryGet(gfn, out var spte) && !spte.IsAccessTracked && (!write || spte.IsWritable))
            return await bed.Vm.Faults.HandleAsync(op, vcpu, gfn, write);

        if (_fault != op.Id)
        {
            (_fault, _since) = (op.Id, bed.Faults.Enter(world.Now));
        }

        world.Charge(Price.VmExit, Account.Exits);
        world.Charge(Price.FaultHandler);
        await world.PointAsync(SchedulingPoint.Call);
        var reply = await bed.Vm.Faults.HandleAsync(op, vcpu, gfn, write);
        world.Charge(Price.VmEntry, Account.Exits);
        await world.PointAsync(SchedulingPoint.Call);
        if (reply.Status == FaultStatus.Retry) return reply;
        bed.Faults.Leave(world.Now);
        bed.Faults.Add(world.Now - _since);
        return reply;
    }

    public async ValueTask ReapDirtyRingsAsync(Operation op) => await bed.Vm.DirtyRings.ReapAsync(op, static (_, _) => { });
}

/// <summary>From the VM to a vCPU: flushes interrupt it.</summary>
internal sealed class PricedVcpuPort(PricedWorld world, Vcpu vcpu, PricedThread thread, bool isFirst) : IVcpuPort
{
    public ValueTask FlushTlbAsync(Operation op, GfnRange range)
    {
        world.AskForFlush(thread, isFirst);
        return vcpu.FlushTlbAsync(op, range);
    }

    public ValueTask PauseAsync(Operation op) => vcpu.PauseAsync(op);
    public ValueTask ResumeAsync(Operation op, long epoch = 0) => vcpu.ResumeAsync(op, epoch);
    public ValueTask<VcpuState> SaveAsync(Operation op) => vcpu.SaveAsync(op);
    public ValueTask ThrottleAsync(Operation op, VcpuThrottle throttle) => vcpu.ThrottleAsync(op, throttle);
    public ValueTask<ThrottleState> ThrottleOfAsync(Operation op) => vcpu.ThrottleOfAsync(op);
}

/// <summary>The guest works, then makes its access.</summary>
internal sealed class PricedGuestMemory(PricedWorld world, IGuestMemory memory, PricedGuest guest) : IGuestMemory
{
    public async ValueTask<bool> ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses, long epoch = 0)
    {
        var thread = world.Current!;
        await world.RunGuestAsync(guest.NextWork());
        var isDone = await memory.ExecuteAsync(accesses, epoch);
        PricedWorld.LeaveGuest(thread);
        world.Charge(Price.GuestAccess, Account.Guest, accesses.Length);
        return isDone;
    }
}

/// <summary>From the VM to its host.</summary>
internal sealed class PricedHostPort(PricedBed bed) : IHostPort
{
    // KVM's and, in tests, others'.
    private readonly List<PricedSubscriber> _subscribers = [];

    public ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write)
    {
        bed.World.Charge(Price.GupFast);
        if (bed.Process.TryFaultInFast(hva, write, out var page)) return ValueTask.FromResult(page);
        bed.World.Charge(Price.GupSlow);
        return bed.Process.FaultInAsync(op, hva, write);
    }

    public ValueTask PutPageAsync(Operation op, Pfn pfn) => bed.Process.PutPageAsync(op, pfn);

    public ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value) => bed.Process.WriteUserAsync(op, hva, gfn, value);

    public ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        var priced = new PricedSubscriber(bed, subscriber);
        _subscribers.Add(priced);
        return bed.Process.RegisterNotifierAsync(op, priced);
    }

    public async ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        await bed.World.PauseAsync(bed.World.CostOf(Price.SynchronizeSrcu));
        await bed.Process.UnregisterNotifierAsync(op, _subscribers.First(priced => priced.Vm == subscriber));
    }

    public ValueTask CopyPagesAsync(Operation op, PageSet pages) => bed.Process.CopyPagesAsync(op, pages);

    public ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty) =>
        bed.Process.ChangedSinceCopyAsync(op, dirty);

    public ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes) =>
        bed.Process.AuditAsync(op, sptes);
}

/// <summary>From the host to the VM: what the mm's walk of its subscribers and KVM's lookup cost, and how long KVM takes.</summary>
internal sealed class PricedSubscriber(PricedBed bed, IMmuNotifierSubscriber vm) : IMmuNotifierSubscriber
{
    private readonly Dictionary<long, long> _started = [];

    /// <summary>The subscriber that is called.</summary>
    public IMmuNotifierSubscriber Vm => vm;

    public string Name => vm.Name;
    public bool HasChangePte => vm.HasChangePte;

    public async ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range)
    {
        var since = bed.Notifications.Enter(await BeginAsync());
        var accepted = await vm.InvalidateRangeStartAsync(op, range);
        await bed.World.PointAsync(SchedulingPoint.Call);
        bed.Notifications.Leave(bed.World.Now);
        if (accepted) _started[range.RangeId] = bed.World.Now - since;
        return accepted;
    }

    public async ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range)
    {
        await bed.World.FlushHostAsync(bed.VcpuThreads);
        var since = bed.Notifications.Enter(await BeginAsync());
        await vm.InvalidateRangeEndAsync(op, range);
        await bed.World.PointAsync(SchedulingPoint.Call);
        bed.Notifications.Leave(bed.World.Now);
        if (_started.Remove(range.RangeId, out var start)) bed.Notifications.Add(start + bed.World.Now - since);
    }

    public async ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn)
    {
        await BeginAsync();
        await vm.ChangePteAsync(op, hva, pfn);
    }

    public async ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush)
    {
        await BeginAsync();
        return await vm.ClearYoungAsync(op, range, flush);
    }

    public async ValueTask<bool> TestYoungAsync(Operation op, HvaRange range)
    {
        await BeginAsync();
        return await vm.TestYoungAsync(op, range);
    }

    public ValueTask ReleaseAsync(Operation op) => vm.ReleaseAsync(op);

    /// <returns>the time at which the call began</returns>
    private async ValueTask<long> BeginAsync()
    {
        await bed.World.PointAsync(SchedulingPoint.Call);
        var since = bed.World.Now;
        bed.World.Charge(Price.NotifierCall);
        bed.World.Charge(Price.SrcuRead);
        bed.World.Charge(Price.MemslotLookup);
        return since;
    }
}
