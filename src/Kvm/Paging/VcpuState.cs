using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Paging;

/// <summary>
/// A stopped vCPU as device state: the accesses that its guest was about to make, how long the guest has run, and its program. Time that passes between save and
/// load does not pass for the guest, as kvmclock is stopped with a VM.
/// </summary>
/// <param name="Index">which vCPU</param>
/// <param name="Pending">accesses fetched and not yet made, in program order</param>
/// <param name="GuestMicroseconds">age of the program</param>
/// <param name="Program">the program where it stands</param>
/// <param name="Operations">operations that it has begun: the ids of its faults go on after them, so that two hosts' histories of one vCPU have none in common</param>
public sealed record VcpuState(int Index, IReadOnlyList<GuestOperation> Pending, long GuestMicroseconds, GuestState Program, long Operations);
