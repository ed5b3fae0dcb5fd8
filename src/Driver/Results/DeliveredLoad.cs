namespace Livebed.Driver.Results;

/// <summary>One kind of operation: how many were due at the campaign's rate, how many of them were started, and how many ended with an
/// answer.</summary>
public sealed record OperationLoad(long Due, long Started, long Done)
{
    /// <summary>What was due and never began: too many were under way, nothing could take it, or the driver came too late.</summary>
    internal long NotStarted => Due - Started;

    public static OperationLoad operator +(OperationLoad one, OperationLoad other) =>
        new(one.Due + other.Due, one.Started + other.Started, one.Done + other.Done);
}

/// <summary>
/// How much of a campaign's load was put on the VMs. A run that delivered little of it says nothing of that load, however well all went. Of
/// operations it is the part that was started; of guests, the part of their programs' time that they executed. The lesser of the two is the
/// run's <c>deliveredShare</c>: neither may hide the other.
/// </summary>
/// <param name="Operations">by source</param>
/// <param name="DueMicroseconds">of all guests' programs, by the end of the run; nothing of guests without a rate</param>
/// <param name="ExecutedMicroseconds">of these</param>
public sealed record DeliveredLoad(IReadOnlyDictionary<string, OperationLoad> Operations, long DueMicroseconds, long ExecutedMicroseconds)
{
    public static readonly DeliveredLoad None = new(new Dictionary<string, OperationLoad>(), 0, 0);

    /// <summary>0 to 1; 1 where nothing was due.</summary>
    public double Share => Math.Min(OperationShare, GuestShare);

    public double OperationShare => ShareOf(Operations.Values.Sum(one => one.Started), Operations.Values.Sum(one => one.Due));

    public double GuestShare => ShareOf(ExecutedMicroseconds, DueMicroseconds);

    /// <summary>0 to 1 with three digits, rounded down so that only what is whole says 1.</summary>
    public static double ShareOf(long part, long whole) => whole <= 0 ? 1 : Math.Floor(1_000.0 * Math.Min(part, whole) / whole) / 1_000;

    /// <summary>What was missing, in words: empty when the share is as large as asked.</summary>
    public string? Shortfall(double least)
    {
        if (Share >= least) return null;
        var parts = new List<string>();
        if (OperationShare < least)
        {
            var (name, worst) = Operations.MaxBy(entry => entry.Value.NotStarted);
            parts.Add(Invariant($"{worst.Started:N0} of {worst.Due:N0} {name} operations that were due were started"));
        }

        if (GuestShare < least)
            parts.Add(Invariant($"guests executed {ExecutedMicroseconds / 1e6:N1} s of {DueMicroseconds / 1e6:N1} s of their programs"));
        return string.Join(", and ", parts);
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
