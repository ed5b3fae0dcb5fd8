using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// The open streams of one address space, and the pages that its user space or its kernel has discarded since the last call of
/// <c>TakeDiscarded</c>. QEMU marks such pages in its own dirty bitmap, because no guest write does. Without an open stream nothing is
/// recorded, at no cost.
/// </summary>
internal sealed class OutgoingStreams(IWorld world, AddressSpace mm)
{
    private readonly TrackedMap<long, OutgoingStream> _streams = new(world);
    private Tracked<bool> _isFrozen = new(world);

    /// <summary>
    /// Records pages with discarded content (MADV_DONTNEED, munmap, the OOM reaper). A sender takes these bits <b>before</b> it reads the
    /// pages. A later discard is then in the next bits, and an earlier one is in the content that is read.
    /// </summary>
    public PageBits Discarded { get; } = new(world, mm);

    /// <summary>The vCPUs are stopped for a hand-over, and user space discards nothing either: the image that is compared is the one that
    /// is sent.</summary>
    public bool IsFrozen
    {
        get => _isFrozen.Value;
        set => _isFrozen.Value = value;
    }

    public OutgoingStream? Find(long stream) => _streams.GetValueOrDefault(stream);

    public void Add(long stream, OutgoingStream opened) => _streams.Add(stream, opened);

    /// <summary>False when there was none.</summary>
    public async ValueTask<bool> CloseAsync(Operation op, long stream)
    {
        if (!_streams.Remove(stream, out var closed)) return false;
        if (_streams.Count == 0 && mm.Outgoing == this) mm.Outgoing = null;
        await closed.CloseAsync(op);
        return true;
    }

    /// <summary>The address space is gone.</summary>
    public void CloseAll()
    {
        foreach (var (_, stream) in _streams) stream.Abandon();
        _streams.Clear();
    }
}
