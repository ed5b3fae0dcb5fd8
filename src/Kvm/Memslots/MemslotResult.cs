namespace Livebed.Kvm.Memslots;

/// <summary>Outcome of a memslot update, by the errno that the ioctl returns.</summary>
public enum MemslotResult
{
    Ok,

    /// <summary>-EEXIST: overlaps another slot.</summary>
    Overlap,

    /// <summary>-EINVAL: no such slot, a changed size or hva, an unknown flag, or more slots than allowed.</summary>
    Invalid,

    /// <summary>The VM is being destroyed.</summary>
    Dead,
}
