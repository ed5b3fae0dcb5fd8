namespace Livebed.Kvm.Guests;

/// <summary>
/// A guest program where it stands, as numbers that only the program of the same spec understands: what registers are to a CPU. Saved of
/// one vCPU and given to the program of another, the second goes on exactly where the first stopped. The first number says of which kind of
/// program it is.
/// </summary>
/// <param name="Words">the program's own; a few, however long it has run</param>
public sealed record GuestState(IReadOnlyList<long> Words)
{
    /// <summary>The words of a program of this kind, which must be so many.</summary>
    /// <exception cref="ArgumentException">The state is of another kind of program, or of no program at all.</exception>
    public IReadOnlyList<long> Of(GuestStateKind kind, int words)
    {
        if (Words is null || Words.Count != words || Words[0] != (long)kind)
            throw new ArgumentException(
                $"a saved {kind} guest is {words} words, of which the first is {(long)kind}; "
                    + $"these are {string.Join(' ', Words?.Take(words) ?? [])}");
        return Words;
    }

    /// <summary>A word that can only be within these bounds.</summary>
    /// <exception cref="ArgumentException">It is not.</exception>
    public static long Within(long word, long least, long most, string what) => word >= least && word <= most
        ? word
        : throw new ArgumentException($"{what} of a saved guest is {word}; {least} to {most} is possible");
}

/// <summary>Of which kind of program a <see cref="GuestState"/> is; never 0, so that a state of zeroes is none.</summary>
public enum GuestStateKind
{
    None,
    Synthetic,
    Trace,

    /// <summary>A given list of accesses, as in the explorer's scenarios.</summary>
    Scripted,

    /// <summary>Before the program that follows, and with its words.</summary>
    Populating,
}
