namespace Livebed.Kvm.Migration;

/// <summary>How a vCPU is slowed down, and what that has cost it.</summary>
/// <param name="Throttle">now</param>
/// <param name="SleptMicroseconds">for which it has slept under this throttle and all before it</param>
public readonly record struct ThrottleState(VcpuThrottle Throttle, long SleptMicroseconds);
