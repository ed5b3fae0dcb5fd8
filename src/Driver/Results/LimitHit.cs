namespace Livebed.Driver.Results;

/// <summary>A bound that was reached: which, how often (or how much was dropped), and what that means.</summary>
public sealed record LimitHit(string Limit, long Times, string Message);
