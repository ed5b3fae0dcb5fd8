namespace Livebed.Kvm.Host.Streams;

/// <summary>When bytes begin to leave and when they have left, in nanoseconds, before anything put them off.</summary>
internal readonly record struct LinkSlot(long Start, long End);
