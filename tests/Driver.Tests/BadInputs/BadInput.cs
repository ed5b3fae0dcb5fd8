namespace Livebed.Driver.Tests.BadInputs;

/// <summary>One input that a user might give by mistake.</summary>
/// <param name="What">what is wrong, for a reader of a failed test</param>
/// <param name="Arguments">of the command</param>
/// <param name="IsWrong">it must be refused; else it may be an input of another meaning, and must only not break anything</param>
/// <param name="Prepare">lays the files that it needs into the folder; null for none</param>
internal sealed record BadInput(string What, IReadOnlyList<string> Arguments, bool IsWrong, Action<TemporaryFolder>? Prepare = null)
{
    /// <summary>All that the generators make, in an order that the seed decides.</summary>
    public static IReadOnlyList<BadInput> All(InputFiles files, int seed)
    {
        var all = BadKeys.All().Concat(BadOptions.All()).Concat(BadFiles.All(files, seed)).ToArray();
        new Random(seed).Shuffle(all);
        return all;
    }
}
