namespace Livebed.Driver.CampaignFiles;

/// <summary>Where campaigns and traces are looked for: the user's folder, and the campaigns that are shipped beside the binary.</summary>
internal sealed record CampaignFolders(string Current, string Shipped)
{
    public const string Folder = "campaigns";

    /// <summary>The names that can be given instead of a path.</summary>
    public IReadOnlyList<string> Names => [.. new[] { Path.Combine(Current, Folder), Shipped }
        .Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.yaml"))
        .Select(file => Path.GetFileNameWithoutExtension(file))
        .Distinct(StringComparer.Ordinal)
        .Order(StringComparer.Ordinal)];

    /// <summary>The absolute path of a campaign, given by path or by name; null when there is none.</summary>
    public string? FindCampaign(string given)
    {
        var path = Path.GetFullPath(given, Current);
        if (File.Exists(path)) return path;
        if (Path.GetFileName(given) != given) return null;
        return new[] { Path.Combine(Current, Folder), Shipped }
            .Select(folder => Path.Combine(folder, given.EndsWith(".yaml", StringComparison.Ordinal) ? given : given + ".yaml"))
            .FirstOrDefault(File.Exists);
    }

    /// <summary>The absolute path of a trace: beside its campaign, in the current folder, beside the shipped campaigns; null when
    /// nowhere.</summary>
    public string? FindTrace(string given, string campaignPath) =>
        new[] { Path.GetDirectoryName(campaignPath) ?? Current, Current, Shipped }
            .Select(folder => Path.GetFullPath(given, folder))
            .FirstOrDefault(File.Exists);

    /// <summary>The absolute path of a trace that was given by path, as from the repository's root, or by the name of a shipped one; null
    /// when there is none.</summary>
    public string? FindWorkload(string given)
    {
        var folders = new[] { Current, Path.GetDirectoryName(Shipped) ?? Shipped };
        return folders.Select(folder => Path.GetFullPath(given, folder)).FirstOrDefault(File.Exists)
            ?? (Path.GetFileName(given) == given ? folders.Select(folder => Path.Combine(folder, Folder, "workloads", given + ".dirty.gz"))
                .FirstOrDefault(File.Exists) : null);
    }

    /// <summary>A path as messages show it: relative where it lies below the current folder.</summary>
    public string Label(string path)
    {
        var relative = Path.GetRelativePath(Current, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
