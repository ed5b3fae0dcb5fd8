namespace Livebed.Driver.CampaignFiles;

/// <summary>Where a setting stands, as error messages name it: "campaigns/default.yaml:12", or the option of the command line that gave it.</summary>
internal sealed record Origin(string Text, bool FromCommandLine = false)
{
    public static Origin Line(string file, long line) => new($"{file}:{line}");

    /// <summary>The one form that all errors about settings have.</summary>
    public UsageException Problem(string key, string problem, string allowed) => new($"{Text}: {key}: {problem}; allowed: {allowed}");

    public override string ToString() => Text;
}
