namespace Livebed.Kvm.Paging;

/// <summary>Fixed properties of a vCPU.</summary>
/// <param name="Index">0 to the VM's number of vCPUs - 1</param>
/// <param name="TlbEntries">a power of two</param>
/// <param name="BatchAccesses">accesses in one call to the memory bus, at most: one slice</param>
/// <param name="FaultRetriesMax">retries of one fault, or exits in a row with a full dirty ring, after which it counts as a livelock (checks L1 and L5), if it took longer than <paramref name="FaultMicrosecondsMax"/> too</param>
/// <param name="FaultMicrosecondsMax">see there</param>
public sealed record VcpuOptions(
    int Index, int TlbEntries = 4096, int BatchAccesses = 256, int FaultRetriesMax = 10_000, long FaultMicrosecondsMax = 5_000_000);
