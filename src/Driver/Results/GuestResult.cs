namespace Livebed.Driver.Results;

/// <summary>One VM's guest: how much it did, and how far its slowest vCPU was behind its program at the end.</summary>
public sealed record GuestResult(string Vm, int Vcpus, string? Trace, long Accesses, long BehindMicroseconds);
