using Livebed.Kvm.Checks;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// The userfaultfd of one address space (fs/userfaultfd.c): accesses that found a page missing sleep here, without a lock, until the page
/// is placed or will never be placed. The first waiter for a page tells user space of it, once. No operation holds what they wait for, so
/// their waits have no blocker; they end when another host answers.
/// </summary>
internal sealed class UserFaultQueue : IWaitable
{
    private readonly LockDomain _domain;
    private readonly string _instance;
    private readonly IUserFaultHandler _handler;
    private readonly Mutant? _mutant;
    private readonly Place _place;
    private readonly TrackedMap<Hva, MissingPage> _pages;
    private readonly TrackedObject<BlockedVcpus> _blocked;
    private Tracked<bool> _closed;

    public UserFaultQueue(LockDomain domain, string instance, IUserFaultHandler handler, int vcpus, Mutant? mutant)
    {
        (_domain, _instance, _handler, _mutant) = (domain, instance, handler, mutant);
        _place = new Place(domain.World);
        _pages = new TrackedMap<Hva, MissingPage>(_place);
        _blocked = new TrackedObject<BlockedVcpus>(_place, new BlockedVcpus(vcpus));
        _closed = new Tracked<bool>(_place);
        domain.Register(this);
    }

    /// <summary>How long vCPUs have waited; without the waits that are not over.</summary>
    public PostcopyBlocktime Blocktime => _blocked.Content.Blocktime;

    /// <summary>True when the page was placed; false when it will not be.</summary>
    public async ValueTask<bool> WaitAsync(Operation op, Hva hva)
    {
        _domain.BeforeAcquire(op, LockClasses.Userfaultfd, LockMode.Read, _instance, alreadyHoldsInstance: false);
        if (_closed.Value) return false;
        var isFirst = !_pages.TryGetValue(hva, out var page);
        if (page is null) _pages.Add(hva, page = new MissingPage(_place));
        var waiter = new Waiter(_domain.World)
        {
            WaitId = _domain.NextWaitId(),
            Operation = op,
            Mode = LockMode.Read,
            SinceMicroseconds = _domain.World.NowMicroseconds,
        };
        page.Waiters.Add(waiter);
        _domain.World.Reached(
            op.Kind == OperationKind.DeviceWrite ? ReachedCase.DeviceWaitedForPage : ReachedCase.GuestWaitedForPage);
        _blocked.Content.Block(op, waiter.SinceMicroseconds);
        _domain.World.Trace?.Note(op, $"waits for {hva} of {_instance}, which is missing");

        // The waiter stands in the queue while user space is told: the page can come before the call returns.
        if (isFirst != (_mutant == Mutant.SecondWaiterAsks))
        {
            page.IsAskedFor = true;
            await _handler.PageMissingAsync(op, hva);
        }

        await waiter.Task;
        _domain.World.Observer.TurnWaited(_domain.World.NowMicroseconds - waiter.GrantedMicroseconds);
        return page.HasArrived;
    }

    /// <summary>The page was placed.</summary>
    public void Wake(Hva hva)
    {
        if (!_pages.Remove(hva, out var page)) return;
        if (!page.IsAskedFor)
            _domain.World.Observer.Violated(new Violation(
                Invariants.MigrationProgress, $"{hva} of {_instance} has come, for which a vCPU waited, and was never asked for",
                _instance, Hva: hva));
        Complete(page, hasArrived: true);
    }

    /// <summary>No page will be placed any more.</summary>
    public void Close()
    {
        _closed.Value = true;
        foreach (var (_, page) in _pages) Complete(page, hasArrived: false);
        _pages.Clear();
        _domain.Forget(this);
    }

    public void AddWaits(List<WaitSnapshot> waits)
    {
        var now = _domain.World.NowMicroseconds;
        foreach (var (hva, page) in _pages)
            foreach (var waiter in page.Waiters)
                waits.Add(new WaitSnapshot(
                    waiter.WaitId, waiter.Operation.Id, waiter.Operation.Kind, LockClasses.Userfaultfd.Name, $"{hva} of {_instance}",
                    LockMode.Read,
                    now - waiter.SinceMicroseconds, []));
    }

    private void Complete(MissingPage page, bool hasArrived)
    {
        var now = _domain.World.NowMicroseconds;
        var statistics = _domain.StatisticsOf(LockClasses.Userfaultfd, LockMode.Read);
        page.HasArrived = hasArrived;
        foreach (var waiter in page.Waiters)
        {
            statistics.Acquisitions++;
            statistics.AddWait(now - waiter.SinceMicroseconds);
            _blocked.Content.Wake(waiter.Operation, now);
            waiter.Complete(now);
        }
    }

    private sealed class MissingPage(Place place)
    {
        private Tracked<bool> _hasArrived = new(place);
        private Tracked<bool> _isAskedFor = new(place);

        public TrackedList<Waiter> Waiters { get; } = new(place);

        /// <summary>User space was told of it.</summary>
        public bool IsAskedFor
        {
            get => _isAskedFor.Value;
            set => _isAskedFor.Value = value;
        }

        public bool HasArrived
        {
            get => _hasArrived.Value;
            set => _hasArrived.Value = value;
        }
    }
}

/// <summary>
/// Adds up how long vCPUs are blocked on missing pages (<c>mark_postcopy_blocktime_begin</c>, <c>mark_postcopy_blocktime_end</c>,
/// migration/postcopy-ram.c). A vCPU has one fault at a time, so it waits for one page at a time. Waiters that are not vCPUs are not
/// counted. This is part of the state of the queue in which they wait.
/// </summary>
/// <param name="count">vCPUs of the guest</param>
[CellContent]
internal sealed class BlockedVcpus(int count)
{
    private const long NotBlocked = -1;

    private readonly long[] _since = [.. Enumerable.Repeat(NotBlocked, count)];
    private readonly long[] _sum = new long[count];
    private int _blocked;
    private long _allSince;
    private long _all;

    public PostcopyBlocktime Blocktime => new(_all, [.. _sum]);

    public void Block(Operation op, long now)
    {
        if (!IsVcpu(op, out var vcpu) || _since[vcpu] != NotBlocked) return;
        _since[vcpu] = now;
        if (++_blocked == count) _allSince = now;
    }

    public void Wake(Operation op, long now)
    {
        if (!IsVcpu(op, out var vcpu) || _since[vcpu] == NotBlocked) return;
        _sum[vcpu] += now - _since[vcpu];
        _since[vcpu] = NotBlocked;
        if (_blocked-- == count) _all += now - _allSince;
    }

    private bool IsVcpu(Operation op, out int vcpu)
    {
        vcpu = op.Id.Vcpu;
        return op.Kind == OperationKind.Fault && vcpu >= 0 && vcpu < count;
    }
}
