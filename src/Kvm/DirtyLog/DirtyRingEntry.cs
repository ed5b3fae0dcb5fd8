namespace Livebed.Kvm.DirtyLog;

/// <summary><c>struct kvm_dirty_gfn</c> as the kernel reads it back: <paramref name="Offset"/> is whatever user space has left there.</summary>
/// <param name="SlotId">the memslot's id</param>
/// <param name="Instance">tells the memslot from a later one with the same id</param>
/// <param name="Offset">page of the memslot</param>
public readonly record struct DirtyRingEntry(int SlotId, long Instance, ulong Offset);
