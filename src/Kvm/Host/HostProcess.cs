using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// One process of a host as KVM and user space reach it: the host port of its VM and the stream port of its migrations, by plain calls. It
/// is named by the number of its address space, which it looks up at each call. Before that exists, and after the exit, the process has no
/// memory: calls are refused, find nothing and hold nothing.
/// </summary>
public sealed class HostProcess : IHostPort, IStreamPort
{
    private readonly HostState _host;
    private readonly PageFault _faults;
    private readonly UserMemory _userMemory;
    private readonly LiveOperationSet _live;
    private readonly HostStreams _streams;
    private readonly Func<string, int, IPageLink>? _links;

    /// <param name="host">the host's state</param>
    /// <param name="faults">its page faults</param>
    /// <param name="userMemory">copies to user memory</param>
    /// <param name="live">operations that run on the host</param>
    /// <param name="streams">what the streams of the host share</param>
    /// <param name="id">the number of the address space</param>
    /// <param name="links">the link to an address space of another host, in the words of the world; null when none is opened by
    /// <see cref="OpenStreamAsync"/></param>
    internal HostProcess(
        HostState host, PageFault faults, UserMemory userMemory, LiveOperationSet live, HostStreams streams, int id,
        Func<string, int, IPageLink>? links) =>
        (_host, _faults, _userMemory, _live, _streams, Id, _links) = (host, faults, userMemory, live, streams, id, links);

    /// <summary>The number of its address space.</summary>
    public int Id { get; }

    /// <summary>Null before the process begins and after it has exited.</summary>
    public AddressSpace? AddressSpace => _host.Find(Id);

    /// <summary>A stream to another host is open.</summary>
    public bool SendsPages => AddressSpace?.Outgoing is not null;

    /// <summary>The process exits: waits for the operations that act for it, releases its subscribers, frees its memory. False when it is
    /// gone or exits already.</summary>
    public async ValueTask<bool> ExitAsync(Operation op)
    {
        using var live = _live.Enter(op);
        return AddressSpace is { } mm && await new ExitMmap(_host).RunAsync(op, mm);
    }

    /// <inheritdoc/>
    public ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write) => AddressSpace is { } mm
        ? _faults.FaultInAsync(op, mm, hva, write)
        : ValueTask.FromResult(new HostPage(HostPageStatus.NoAddressSpace, Pfn.None, Writable: false));

    /// <summary><c>get_user_page_fast_only</c> (mm/gup.c), which <c>hva_to_pfn_fast</c> tries first: without a lock, for a PTE that already
    /// permits the access. True leaves a reference on the frame with the caller. Worlds that count steps of equal price go
    /// without.</summary>
    public bool TryFaultInFast(Hva hva, bool write, out HostPage page)
    {
        page = default;
        if (AddressSpace is not { IsExiting: false } mm || mm.Find(hva) is not { } vma) return false;
        var pte = vma.PteAt(hva);
        if (!pte.IsAccessible || (write && !pte.IsWritable)) return false;
        _host.Frames.Get(pte.Pfn);
        page = new HostPage(HostPageStatus.Ok, pte.Pfn, pte.IsWritable);
        return true;
    }

    /// <inheritdoc/>
    public ValueTask PutPageAsync(Operation op, Pfn pfn)
    {
        _host.Counters.AddChecks(1);
        if (_host.Frames.HasReference(pfn)) _host.Frames.Put(pfn);
        else PutTwice(op, pfn);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value)
    {
        using var live = _live.Enter(op);
        return AddressSpace is { } mm && await _userMemory.WriteAsync(op, mm, hva, value);
    }

    /// <summary><see cref="IGuestMemory.ExecuteAsync"/> of a vCPU that is some way off. It outlives the process by a moment when that exits
    /// first. Its accesses then reach nothing, as on a dead machine.</summary>
    public ValueTask<bool> ExecuteGuestAsync(ReadOnlyMemory<GuestAccess> accesses, long epoch) =>
        AddressSpace is { } mm ? mm.GuestMemory.ExecuteAsync(accesses, epoch) : ValueTask.FromResult(true);

    /// <inheritdoc cref="UserMemory.WritePinnedAsync"/>
    public async ValueTask<bool> WritePinnedAsync(Operation op, Hva hva, ulong value)
    {
        using var live = _live.Enter(op);
        return AddressSpace is { } mm && await _userMemory.WritePinnedAsync(op, mm, hva, value);
    }

    /// <inheritdoc/>
    /// <remarks>Under the locks of <c>mm_take_all_locks</c>: waits until no range is open, so that no subscriber gets an end without a
    /// start.</remarks>
    public async ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        using var live = _live.Enter(op);
        if (AddressSpace is not { } mm) return false;
        var registered = await ProcessTask.WriteLockedAsync(op, mm, async () =>
        {
            await mm.RmapLock.DownWriteAsync(op);
            try
            {
                mm.Subscriptions.Register(subscriber);
                return 1;
            }
            finally
            {
                mm.RmapLock.UpWrite(op);
            }
        });
        return registered.Status == HostEventStatus.Done;
    }

    /// <inheritdoc/>
    public async ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        using var live = _live.Enter(op);
        if (AddressSpace is { } mm) await mm.Subscriptions.UnregisterAsync(op, subscriber);
        else await _host.NotifierSrcu.SynchronizeAsync(op);
    }

    /// <inheritdoc/>
    public ValueTask CopyPagesAsync(Operation op, PageSet pages)
    {
        if (AddressSpace is { } mm) UserMemory.Copy(mm, pages);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty) =>
        ValueTask.FromResult(AddressSpace is { } mm ? UserMemory.ChangedSinceCopy(mm, dirty) : []);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes) =>
        ValueTask.FromResult<IReadOnlyList<int>>(
            AddressSpace is { } mm ? mm.AuditSptes(sptes.Span) : [.. Enumerable.Range(0, sptes.Length)]);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The process was asked for without links.</exception>
    public ValueTask OpenStreamAsync(Operation op, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth)
    {
        if (_links is null) throw new InvalidOperationException($"process {Id} of {_host.Name} has no links to other hosts");
        OpenStream(stream, destination, _links(destination, destinationAddressSpace), bandwidth);
        return ValueTask.CompletedTask;
    }

    /// <summary><see cref="OpenStreamAsync"/> over a link that the caller has.</summary>
    /// <param name="stream">the migration</param>
    /// <param name="destination">the other host; streams to the same one share a link</param>
    /// <param name="link">the link to it</param>
    /// <param name="bandwidth">the largest rate of the stream</param>
    public void OpenStream(long stream, string destination, IPageLink link, StreamBandwidth bandwidth)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stream);
        ArgumentOutOfRangeException.ThrowIfNegative(bandwidth.Max);
        ArgumentOutOfRangeException.ThrowIfNegative(bandwidth.MaxPostcopy);
        if (AddressSpace is not { } mm) return;
        var streams = mm.Outgoing ??= new OutgoingStreams(_host.World, mm);
        if (streams.Find(stream) is null)
            streams.Add(stream, new OutgoingStream(_host, mm, _faults, stream, link, _streams.ShaperTo(destination, bandwidth)));
    }

    /// <inheritdoc/>
    public async ValueTask CloseStreamAsync(Operation op, long stream)
    {
        using var live = _live.Enter(op);
        if (AddressSpace?.Outgoing is { } streams) await streams.CloseAsync(op, stream);
    }

    /// <inheritdoc/>
    public async ValueTask<SendResult> SendAsync(Operation op, ChunkHeader header, PageSet batch)
    {
        using var live = _live.Enter(op);
        return AddressSpace?.Outgoing?.Find(header.Stream) is { } stream
            ? await stream.SendAsync(op, header, batch, _streams.ContentPool)
            : new SendResult(StreamStatus.Refused, 0, 0, 0);
    }

    /// <summary>A chunk that another host's link delivers; see <see cref="IPageLink.DeliverAsync"/>. Nothing is stored of one whose
    /// checksum or length is wrong; one that was refused or found no memory may be stored in part.</summary>
    /// <param name="op">the operation</param>
    /// <param name="chunk">the pages</param>
    /// <param name="isIntact"><see cref="PageChunk.IsIntact"/>; the link evaluates it outside the host's turns</param>
    public async ValueTask<StreamStatus> ReceiveAsync(Operation op, PageChunk chunk, bool isIntact)
    {
        using var live = _live.Enter(op);
        if (AddressSpace is not { } mm || mm.Incoming is not { } incoming || !incoming.Accepts(chunk.Header)) return StreamStatus.Refused;
        return await _streams.StoreAsync(op, mm, incoming, chunk, isIntact);
    }

    /// <inheritdoc/>
    public ValueTask<PageSet> TakeDiscardedAsync(Operation op, HvaRange range) =>
        ValueTask.FromResult(AddressSpace?.Outgoing?.Discarded.Take(range) ?? new PageSet(range));

    /// <inheritdoc/>
    public async ValueTask FreezeAsync(Operation op, bool frozen)
    {
        if (AddressSpace is not { Outgoing: { } streams } mm) return;
        using var live = _live.Enter(op);

        // A zap holds the page-table lock and checks the flag under it, so none is half done here.
        await mm.PageTableLock.AcquireAsync(op);
        streams.IsFrozen = frozen;
        mm.PageTableLock.Release(op);
    }

    /// <inheritdoc/>
    public async ValueTask<ulong[]> ImageAsync(Operation op, HvaRange range)
    {
        using var live = _live.Enter(op);
        return AddressSpace is { } mm ? await _streams.Image.HashAsync(op, mm, range) : [];
    }

    /// <summary>Pages of the range that do not hold the newest value written, or not in all their bytes; while nothing runs.</summary>
    public async ValueTask<IReadOnlyList<Hva>> StaleAsync(Operation op, HvaRange range)
    {
        using var live = _live.Enter(op);
        return AddressSpace is { } mm ? await _streams.Image.StaleAsync(op, mm, range) : [];
    }

    /// <inheritdoc/>
    public ValueTask<ulong[]> SaveOracleAsync(Operation op, HvaRange range) =>
        ValueTask.FromResult(AddressSpace is { } mm ? PageImage.Newest(mm, range) : []);

    /// <inheritdoc/>
    public ValueTask LoadOracleAsync(Operation op, HvaRange range, ReadOnlyMemory<ulong> newest)
    {
        if (AddressSpace is { } mm) PageImage.LoadNewest(mm, range, newest.Span);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask BeginIncomingAsync(Operation op, long stream, long epoch)
    {
        if (AddressSpace is not { IsExiting: false } mm) return ValueTask.CompletedTask;
        if (mm.Incoming is { } current && (current.Epoch > epoch || (current.Epoch == epoch && current.Stream == stream)))
            return ValueTask.CompletedTask;
        mm.Incoming?.End();
        mm.Incoming = new IncomingPages(_host, mm, stream, epoch);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask<long> EnterPostcopyAsync(
        Operation op, long stream, IReadOnlyList<PageSet> discard, IUserFaultHandler faults, int vcpus)
    {
        using var live = _live.Enter(op);
        return IncomingOf(stream) is { } incoming ? await incoming.EnterPostcopyAsync(op, discard, faults, vcpus) : -1;
    }

    /// <inheritdoc/>
    public ValueTask<PageSet> MissingAsync(Operation op, HvaRange range) => ValueTask.FromResult(Missing(range));

    /// <inheritdoc cref="MissingAsync"/>
    public PageSet Missing(HvaRange range) => AddressSpace?.Incoming?.Missing(range) ?? new PageSet(range);

    /// <inheritdoc/>
    public ValueTask<PostcopyBlocktime> EndIncomingAsync(Operation op, long stream) =>
        ValueTask.FromResult(IncomingOf(stream)?.End() ?? PostcopyBlocktime.None);

    /// <inheritdoc/>
    public async ValueTask<long> PagesHeldAsync(Operation op)
    {
        using var live = _live.Enter(op);
        return AddressSpace is { } mm ? await _streams.Image.PagesHeldAsync(op, mm) : 0;
    }

    private void PutTwice(Operation op, Pfn pfn) => _host.World.Observer.Violated(new Violation(
        Invariants.Teardown, $"{op} gives {pfn} back, on which there is no reference: {_host.Frames.Describe(pfn)}", $"mm-{Id}",
        Operations: [op.Id]));

    private IncomingPages? IncomingOf(long stream) =>
        AddressSpace?.Incoming is { } incoming && incoming.Stream == stream ? incoming : null;
}
