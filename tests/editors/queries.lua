-- Neovim's own tree-sitter reads the grammar and its queries: colours at places, pieces of other languages. Runs in 0.7 and later.
local folder, plan = os.getenv("GRAMMAR"), os.getenv("PLAN")

local function fail(why)
  io.stderr:write("failed: " .. why .. "\n")
  vim.cmd("cquit 1")
end

local function drive()
  local load = vim.treesitter.language and vim.treesitter.language.add
  if load then
    load("plan", { path = folder .. "/plan.so" })
  else
    vim.treesitter.require_language("plan", folder .. "/plan.so")
  end
  local parse = vim.treesitter.query and vim.treesitter.query.parse or vim.treesitter.parse_query
  vim.cmd("edit " .. plan)
  local tree = vim.treesitter.get_parser(0, "plan"):parse()[1]
  if tree:root():has_error() then
    fail("the plan is not read whole")
  end
  local text = vim.treesitter.get_node_text or vim.treesitter.query.get_node_text
  -- The last capture of each text counts.
  local function captures(name)
    local file = assert(io.open(folder .. "/queries/" .. name .. ".scm"))
    local query = parse("plan", file:read("*a"))
    file:close()
    local found = {}
    for id, node in query:iter_captures(tree:root(), 0, 0, -1) do
      found[text(node, 0)] = query.captures[id]
    end
    return found
  end
  local function expect(name, wanted)
    local found = captures(name)
    for what, capture in pairs(wanted) do
      if found[what] ~= capture then
        fail(name .. ": `" .. what .. "` is " .. tostring(found[what]) .. ", not " .. capture)
      end
    end
  end
  expect("highlights", {
    plan = "keyword", step = "keyword", ["for"] = "keyword.control", retry = "keyword.exception", max = "keyword.directive",
    name = "variable", string = "type.builtin", get = "function.call", url = "variable.parameter",
    ["// Not a plan's business."] = "comment", ["2"] = "number", ["${"] = "punctuation.special",
  })
  expect("injections", { [".[] | .title"] = "injection.content", ["^\\w+$"] = "injection.content" })
  expect("locals", { issues = "local.reference", titles = "local.reference", name = "local.reference" })
  for _, name in ipairs({ "folds", "indents" }) do
    if next(captures(name)) == nil then
      fail(name .. " finds nothing")
    end
  end
  io.stdout:write("all is well\n")
  vim.cmd("qall!")
end

local ok, why = pcall(drive)
if not ok then
  fail(tostring(why))
end
